"""The conformance tests of identities and flows, on each built-in backend."""

from doorward.conformance.social_login.test_flows import *  # noqa: F403
from doorward.conformance.social_login.test_identities import *  # noqa: F403
from doorward.conformance.social_login.test_links import *  # noqa: F403
