"""The conformance tests of users, on each built-in backend."""

from doorward.conformance.test_users import *  # noqa: F403
