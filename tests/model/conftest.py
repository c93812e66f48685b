"""The protocol runs on every registered session store, as the contracts do."""

import pytest

from application.ports import Devices
from tests.conftest import schemes, url_for
from tests.support.builders import some_devices


@pytest.fixture(params=schemes("sessions"))
def sessions_url(request: pytest.FixtureRequest) -> str:
    return url_for(request.param, request)


@pytest.fixture
def devices() -> Devices:
    return some_devices()
