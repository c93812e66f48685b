"""The conformance tests of sessions, on each built-in backend."""

from doorward.conformance.test_sessions import *  # noqa: F403
