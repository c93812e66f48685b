"""The conformance tests of rate limits, on each built-in backend."""

from doorward.conformance.test_rate_limits import *  # noqa: F403
