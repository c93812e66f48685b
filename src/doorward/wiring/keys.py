"""Which keys sign, and where they are: what the settings say of it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from application.ports import Clock
from domain.key_ring import KeyTimes
from domain.token import LEEWAY, TokenKind
from infrastructure.clock import system_clock
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.signing.algorithms import UnfitKey
from infrastructure.signing.device_tokens import Secrets, secret_from
from infrastructure.signing.jwt_signer import Audiences, JwtSigner
from infrastructure.signing.key_folder import FolderKeys
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.key_store import LoadedKeys, SigningKeyStore, StaticKeys
from infrastructure.signing.signing_key import SigningKey, key_in_text
from infrastructure.storage.backends import SQL, backend_for
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.signing_keys import SqlKeys

_FIXED = (
    "the keys are in the environment: change them there, and restart or send SIGHUP; or keep them "
    "where they can be rotated (KEYS_SECRET or KEYS_FOLDER)"
)


@asynccontextmanager
async def open_key_store(
    settings: Settings, clock: Clock = system_clock
) -> AsyncIterator[SigningKeyStore]:
    """
    :raises ConfigurationError: a key that must not sign, only one of the two, or several places.
    """
    _refuse_several_places(settings)
    if settings.keys_secret:
        _require_sql(settings)
        opening = SqlKeys.open(
            settings.users_at,
            StoreOptions(timeout=settings.store_timeout),
            settings.keys_secret,
            settings.token_algorithm,
        )
        async with opening as store:
            yield store
    elif settings.has_keys:
        yield StaticKeys(keys_in_environment(settings), _FIXED)
    else:
        yield _folder(settings, clock)


def keys_place(settings: Settings) -> str:
    """Where the keys are, in words."""
    if settings.keys_secret:
        return "in the database of the users, encrypted"
    if settings.has_keys:
        return "in the environment"
    return f"in {(settings.keys_folder or settings.data / 'keys').absolute()}"


def key_times(settings: Settings) -> KeyTimes:
    """How long keys are known before they sign, and after they have signed."""
    return KeyTimes(
        cached=settings.jwks_max_age,
        kept={
            TokenKind.ACCESS: settings.access_lifetime + 2 * LEEWAY,
            TokenKind.REFRESH: settings.refresh_lifetime + 2 * LEEWAY,
        },
        rotation=settings.key_rotation if settings.keys_secret else None,
    )


def make_signer(settings: Settings, keys: KeyRingWatcher) -> JwtSigner:
    issuer = settings.token_issuer
    return JwtSigner(
        keys,
        Audiences(issuer, settings.audience or issuer, refresh=f"{issuer}/api/auth/refresh"),
        longest_lifetime=settings.session_lifetime,
    )


def device_secrets(settings: Settings, keys: KeyRingWatcher, clock: Clock) -> Secrets:
    """From ``KEYS_SECRET``, which outlives all keys; or else from the keys of refresh tokens.
    Those stay good for this purpose until they are taken away.
    """
    if settings.keys_secret:
        lasting = [secret_from(secret) for secret in settings.keys_secret]
        return lambda: lasting

    derived: list[bytes] = []

    def derive(_: LoadedKeys) -> None:
        in_order = keys.held.ring.by_state(TokenKind.REFRESH, clock())
        derived[:] = [secret_from(keys.held.pairs[key.id].private_pem()) for key in in_order]

    keys.follow(derive)
    return lambda: derived


def keys_in_environment(settings: Settings) -> Mapping[TokenKind, SigningKey]:
    """
    :raises ConfigurationError: a key that must not sign, or only one of the two.
    """
    keys = {
        TokenKind.ACCESS: _from_text(
            TokenKind.ACCESS, settings.access_private_key, settings.access_public_key
        ),
        TokenKind.REFRESH: _from_text(
            TokenKind.REFRESH, settings.refresh_private_key, settings.refresh_public_key
        ),
    }
    if keys[TokenKind.ACCESS].kid == keys[TokenKind.REFRESH].kid:
        raise ConfigurationError(
            "REFRESH_TOKEN_PRIVATE_KEY", "must be another key than ACCESS_TOKEN_PRIVATE_KEY"
        )
    return {kind: key.signing_with(settings.token_algorithm) for kind, key in keys.items()}


def _from_text(kind: TokenKind, private: str | None, public: str | None) -> SigningKey:
    name = f"{kind.upper()}_TOKEN"
    if private is None:
        raise ConfigurationError(f"{name}_PRIVATE_KEY", "is missing: the other keys are given")
    try:
        key = key_in_text(private, None)
    except UnfitKey as error:
        raise ConfigurationError(f"{name}_PRIVATE_KEY", str(error)) from None
    if public is not None:
        try:
            key_in_text(private, public)
        except UnfitKey as error:
            raise ConfigurationError(f"{name}_PUBLIC_KEY", str(error)) from None
    return key


def _folder(settings: Settings, clock: Clock) -> FolderKeys:
    algorithm = settings.token_algorithm
    if settings.keys_folder:
        notice = key_times(settings).published
        return FolderKeys(settings.keys_folder, "KEYS_FOLDER", clock, notice, algorithm)
    folder = settings.data / "keys"  # in which nobody but the service writes
    return FolderKeys(folder, "DOORWARD_DATA", clock, algorithm=algorithm, makes=True)


def _refuse_several_places(settings: Settings) -> None:
    places = {
        "ACCESS_TOKEN_PRIVATE_KEY": settings.has_keys,
        "KEYS_FOLDER": settings.keys_folder is not None,
        "KEYS_SECRET": settings.keys_secret is not None,
    }
    given = [variable for variable, is_given in places.items() if is_given]
    if len(given) > 1:
        raise ConfigurationError(
            " and ".join(given), "are different places for the keys: choose one of them"
        )


def _require_sql(settings: Settings) -> None:
    if backend_for(settings.users_at, "users") is not SQL:
        raise ConfigurationError(
            "KEYS_SECRET", "needs the users in PostgreSQL or SQLite: their database has the keys"
        )
