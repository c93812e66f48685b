"""The protocol runs on every registered session store, as the contracts do."""

import pytest

from application.ports import Devices
from domain.token import TokenKind
from infrastructure.signing.algorithms import EDDSA
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.signing_key import SigningKey
from tests.conftest import schemes, url_for
from tests.support.builders import a_signer, some_devices


@pytest.fixture(params=schemes("sessions"))
def sessions_url(request: pytest.FixtureRequest) -> str:
    return url_for(request.param, request)


@pytest.fixture
def devices() -> Devices:
    return some_devices()


@pytest.fixture(scope="session")
def quick_signer() -> JwtSigner:
    """Sign with Ed25519, much faster than with RSA: the protocol sees no difference."""
    return a_signer({kind: SigningKey.generate(EDDSA) for kind in TokenKind})
