"""The conformance tests of the last administrator, on each built-in backend."""

from doorward.conformance.test_last_administrator import *  # noqa: F403
