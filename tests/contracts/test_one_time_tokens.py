"""The conformance tests of one-time tokens, on each built-in backend."""

from doorward.conformance.test_one_time_tokens import *  # noqa: F403
