import pytest

from domain.actor import Principal
from domain.token import TokenKind
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.signing_key import SigningKey
from tests.support.world import World
from tests.unit.infrastructure.signing.forgery import Forger


@pytest.fixture
def world(quick_signer: JwtSigner) -> World:
    """All use cases on empty stores in memory."""
    return World(quick_signer)


@pytest.fixture
async def me(world: World) -> Principal:
    """A user in the first of three sessions."""
    await world.sign_up()
    await world.log_in()
    mine = await world.log_in()
    await world.log_in()
    return await world.authenticate(mine.access)


@pytest.fixture
def forger(
    signer: JwtSigner, keys: dict[TokenKind, SigningKey], strange_key: SigningKey
) -> Forger:
    """A forger of access tokens."""
    return Forger(signer, keys[TokenKind.ACCESS], keys[TokenKind.REFRESH], strange_key)


@pytest.fixture
def refresh_forger(
    signer: JwtSigner, keys: dict[TokenKind, SigningKey], strange_key: SigningKey
) -> Forger:
    own, other = keys[TokenKind.REFRESH], keys[TokenKind.ACCESS]
    return Forger(signer, own, other, strange_key, TokenKind.REFRESH)
