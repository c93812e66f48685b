"""The protocol runs on every registered session store, as the contracts do."""

import pytest

from application.ports import Devices
from tests.conftest import schemes, url_for
from tests.support.builders import a_signing_key, devices_of


@pytest.fixture(params=schemes("sessions"))
def sessions_url(request: pytest.FixtureRequest) -> str:
    return url_for(request.param, request)


@pytest.fixture(scope="session")
def devices() -> Devices:
    """Ready-made, for its key takes a while."""
    return devices_of(a_signing_key())
