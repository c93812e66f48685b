"""The key store, the signer and the device secrets, as the settings choose them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from application.ports import Clock
from domain.key_ring import KeyTimes
from domain.token import LEEWAY, TokenKind
from infrastructure.clock import system_clock
from infrastructure.config.data_secret import data_secrets, make_secret_file
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.parsers import public_url
from infrastructure.config.settings import Settings
from infrastructure.config.signing_keys import KeySettings, KeySource
from infrastructure.config.storage import StorageSettings
from infrastructure.config.tokens import TokenSettings
from infrastructure.signing import key_takeover
from infrastructure.signing.algorithms import ALGORITHMS, UnfitKey
from infrastructure.signing.audiences import Audiences, FormerIssuer
from infrastructure.signing.device_tokens import Secrets, secret_from
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.key_folder import FolderKeys, has_key_files
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.key_store import LoadedKeys, SigningKeyStore, StaticKeys
from infrastructure.signing.signing_key import SigningKey, key_in_text
from infrastructure.storage.locations import key_database, locations
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.signing_keys import SqlKeys, connect_keys, has_keys

_STATIC = (
    "the keys are in the environment: change them there, and restart or send SIGHUP; or keep them "
    "where they can be rotated (KEYS_SECRET)"
)

EARLIER_FOLDER = "keys"
"""Where earlier releases kept the keys of the embedded default, in ``DOORWARD_DATA``."""


@asynccontextmanager
async def open_key_store(
    settings: Settings, clock: Clock = system_clock
) -> AsyncIterator[SigningKeyStore]:
    """
    :raises ConfigurationError: a key that must not sign, only one of the two, several locations,
        or no secret for the keys in the database.
    """
    _refuse_several_locations(settings.keys)
    match settings.keys.source:
        case KeySource.ENVIRONMENT:
            yield StaticKeys(keys_in_environment(settings.keys), _STATIC)
        case KeySource.FOLDER if settings.keys.folder:
            notice = key_times(settings.keys, settings.tokens).published
            yield FolderKeys(settings.keys.folder, "KEYS_FOLDER", clock, notice)
        case _:
            async with _open_database(settings) as database:
                yield _sql_keys(settings, database)


async def prepare_embedded_keys(settings: Settings, clock: Clock = system_clock) -> None:
    """Make the missing parts of the embedded key store: its secret, and its first keys, which may
    be those of an earlier release.

    A secret is made only for a database without keys: keys whose secret is lost are not replaced
    without the operator's doing. Several processes may call this at once.

    :raises ConfigurationError: the secret is lost, or the keys of the earlier release are invalid.
    """
    earlier = settings.storage.data / EARLIER_FOLDER
    has_earlier_keys = has_key_files(earlier)  # first: a start that is refused leaves no secret
    async with _open_database(settings) as database:
        if not await has_keys(database):
            make_secret_file(settings.storage.secret_file)
        elif not has_earlier_keys:
            return
        await key_takeover.fill(_sql_keys(settings, database), earlier, clock)


@asynccontextmanager
async def _open_database(settings: Settings) -> AsyncIterator[Database]:
    url = settings.storage.embedded_url
    if settings.keys.source is KeySource.USERS_DATABASE:
        _require_sql(settings.storage)
        url = settings.storage.users_at
    has_audit_log = url == settings.storage.users_at
    async with connect_keys(
        url, settings.storage.timeout, has_audit_log=has_audit_log
    ) as database:
        yield database


def _sql_keys(settings: Settings, database: Database) -> SqlKeys:
    is_embedded = settings.keys.source is KeySource.EMBEDDED_DATABASE
    variable = "DOORWARD_DATA" if is_embedded else "KEYS_SECRET"
    secrets = data_secrets(settings.keys, settings.storage)
    return SqlKeys(database, secrets, ALGORITHMS[settings.keys.algorithm], variable)


def keys_location(settings: Settings) -> str:
    """Describe where the keys are."""
    match settings.keys.source:
        case KeySource.ENVIRONMENT:
            return "in the environment"
        case KeySource.FOLDER if settings.keys.folder:
            return f"in {settings.keys.folder.absolute()}"
        case KeySource.USERS_DATABASE:
            return "in the database of the users, encrypted"
        case _:
            database, secret = (
                key_database(settings.storage, settings.keys.source),
                settings.storage.secret_file.absolute(),
            )
            return f"in {database.description}, encrypted with {secret}"


def key_times(keys: KeySettings, tokens: TokenSettings) -> KeyTimes:
    """Return how long keys are published before they sign, and kept after they have signed."""
    return KeyTimes(
        cached=keys.jwks_max_age,
        kept={
            TokenKind.ACCESS: tokens.access_lifetime + 2 * LEEWAY,
            TokenKind.REFRESH: tokens.longest_refresh_lifetime + 2 * LEEWAY,
        },
        rotation=keys.rotation if keys.secrets else None,
    )


def make_signer(settings: Settings, keys: KeyRingWatcher) -> JwtSigner:
    """Make the signer of tokens."""
    tokens = settings.tokens
    return JwtSigner(
        keys,
        Audiences.under(settings.issuer, tokens.audience),
        longest_lifetime=tokens.longest_session_lifetime,
        former=_former_issuers(tokens),
    )


def _former_issuers(tokens: TokenSettings) -> list[FormerIssuer]:
    """Return the former issuers. Their audience may have been configured as it is now, or not."""
    return [
        FormerIssuer(Audiences.under(issuer, audience), until)
        for configured, until in tokens.former_issuers
        for issuer in {configured, _issuer_at(configured)}
        for audience in {tokens.audience, None}
    ]


def _issuer_at(configured: str) -> str:
    """Return the issuer that a text makes as ``PUBLIC_URL``, which leaves a final slash out."""
    try:
        return public_url(configured)
    except ValueError:
        return configured


def derived_secrets(
    settings: Settings, keys: KeyRingWatcher, clock: Clock, purpose: bytes
) -> Secrets:
    """Derive the secrets for a purpose: from the data secret, which outlives all keys, and
    where there is none from the keys of refresh tokens.

    The latter count in the embedded default too: earlier releases derived from them alone. They
    stay valid for this purpose until they leave the store.
    """
    lasting = [secret_from(secret, purpose) for secret in lasting_secrets(settings)]
    if settings.keys.secrets:
        return lambda: lasting

    derived: list[bytes] = []

    def derive(_: LoadedKeys) -> None:
        in_order = keys.loaded.ring.by_state(TokenKind.REFRESH, clock())
        pairs = keys.loaded.pairs
        of_keys = [secret_from(pairs[key.id].private_pem(), purpose) for key in in_order]
        derived[:] = lasting + of_keys

    keys.follow(derive)
    return lambda: derived


def lasting_secrets(settings: Settings) -> Sequence[bytes]:
    """Return the secrets that outlive all signing keys. There may be none."""
    return data_secrets(settings.keys, settings.storage) if settings.keys.source.is_sql else ()


def factor_secrets(settings: Settings) -> Sequence[bytes]:
    """Return the secrets that protect second factors: the first one encrypts, all of them decrypt.
    There may be none.

    :raises ConfigurationError: see :func:`~infrastructure.config.data_secret.data_secrets`.
    """
    return tuple(dict.fromkeys((*(settings.secrets.data or ()), *lasting_secrets(settings))))


def keys_in_environment(settings: KeySettings) -> Mapping[TokenKind, SigningKey]:
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
    algorithm = ALGORITHMS[settings.algorithm]
    return {kind: key.signing_with(algorithm) for kind, key in keys.items()}


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


def _refuse_several_locations(settings: KeySettings) -> None:
    locations = {
        "ACCESS_TOKEN_PRIVATE_KEY": settings.has_keys,
        "KEYS_FOLDER": settings.folder is not None,
        "KEYS_SECRET": settings.secrets is not None,
    }
    given = [variable for variable, is_given in locations.items() if is_given]
    if len(given) > 1:
        raise ConfigurationError(
            " and ".join(given), "are different locations of the keys: choose one of them"
        )


def _require_sql(settings: StorageSettings) -> None:
    if not locations(settings)[0].is_sql:
        raise ConfigurationError(
            "KEYS_SECRET", "needs the users in PostgreSQL or SQLite: their database has the keys"
        )
