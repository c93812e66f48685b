"""The conformance tests of second factors and challenges, on each built-in backend."""

from doorward.conformance.second_factors.test_challenges import *  # noqa: F403
from doorward.conformance.second_factors.test_factors import *  # noqa: F403
from doorward.conformance.second_factors.test_passkeys import *  # noqa: F403
