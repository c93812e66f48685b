import pytest

from domain.actor import Principal
from domain.token import TokenKind
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.signing_key import SigningKey
from tests.support.builders import World
from tests.unit.infrastructure.forgery import Forger


@pytest.fixture
def house(signer: JwtSigner) -> World:
    """All use cases on stores in memory, with nobody in them."""
    return World(signer)


@pytest.fixture
async def me(house: World) -> Principal:
    """Somebody who is logged in, on two other devices as well."""
    await house.sign_up()
    await house.come_in()
    mine = await house.come_in()
    await house.come_in()
    return await house.authenticate(mine.access)


@pytest.fixture
def forger(
    signer: JwtSigner, keys: dict[TokenKind, SigningKey], strange_key: SigningKey
) -> Forger:
    """Of access tokens."""
    return Forger(signer, keys[TokenKind.ACCESS], keys[TokenKind.REFRESH], strange_key)


@pytest.fixture
def refresh_forger(
    signer: JwtSigner, keys: dict[TokenKind, SigningKey], strange_key: SigningKey
) -> Forger:
    own, other = keys[TokenKind.REFRESH], keys[TokenKind.ACCESS]
    return Forger(signer, own, other, strange_key, TokenKind.REFRESH)
