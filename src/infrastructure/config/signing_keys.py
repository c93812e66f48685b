"""The settings of the signing keys: their location and their rotation."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from infrastructure.config import environment_variables as var
from infrastructure.config.storage import StoreSettings


class KeySource(StrEnum):
    """Where the signing keys are."""

    ENVIRONMENT = "environment"
    FOLDER = "folder"
    USERS_DATABASE = "users database"
    EMBEDDED_DATABASE = "embedded database"

    @property
    def is_sql(self) -> bool:
        return self in {KeySource.USERS_DATABASE, KeySource.EMBEDDED_DATABASE}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings(StoreSettings):
    """A part of :class:`~infrastructure.config.settings.Settings`."""

    access_private_key: str | None = var.declare(
        "ACCESS_TOKEN_PRIVATE_KEY",
        var.optional(var.text),
        None,
        "The RSA key (PEM, in base64) that signs access tokens. With none of the four, key pairs "
        "are generated, and kept encrypted in the SQLite file in `DOORWARD_DATA`.",
        is_secret=True,
    )
    access_public_key: str | None = var.declare(
        "ACCESS_TOKEN_PUBLIC_KEY",
        var.optional(var.text),
        None,
        "Its public key; checked if given.",
        is_secret=True,
    )
    refresh_private_key: str | None = var.declare(
        "REFRESH_TOKEN_PRIVATE_KEY",
        var.optional(var.text),
        None,
        "The RSA key that signs refresh tokens: a different one.",
        is_secret=True,
    )
    refresh_public_key: str | None = var.declare(
        "REFRESH_TOKEN_PUBLIC_KEY",
        var.optional(var.text),
        None,
        "Its public key; checked if given.",
        is_secret=True,
    )
    keys_folder: Path | None = var.declare(
        "KEYS_FOLDER",
        var.optional(Path),
        None,
        "A folder of PEM files, such as a mounted secret, that holds the keys instead of those "
        "four: `access.pem`, `refresh.pem`, and others for rotation. The service only reads it.",
    )
    keys_secret: tuple[bytes, ...] | None = var.declare(
        "KEYS_SECRET",
        var.optional(var.secrets),
        None,
        "32 bytes in base64 (`doorward keys secret` generates one). With it the keys are in the "
        "database of the users, encrypted with it, shared by all workers and rotated "
        "automatically. Several, separated by commas: the first encrypts, all decrypt. Without "
        "it, the keys of the embedded default are encrypted with the file `secret` in "
        "`DOORWARD_DATA`.",
        is_secret=True,
    )
    key_rotation: timedelta | None = var.declare(
        "KEY_ROTATION",
        var.unless_off(var.lifetime),
        "30d",
        "With `KEYS_SECRET`: how long a key signs before the next one does; `off` for rotation by "
        "`doorward keys rotate` alone.",
    )
    token_algorithm: str = var.declare(
        "TOKEN_ALGORITHM",
        var.one_of("RS256", "PS256", "EdDSA"),
        "RS256",
        "The algorithm of new keys: `RS256`, `PS256` or `EdDSA`.",
    )
    jwks_max_age: timedelta = var.declare(
        "JWKS_MAX_AGE",
        var.lifetime,
        "5m",
        "How long verifiers may cache the public keys. A new key is published for twice as long "
        "before it signs.",
    )

    @property
    def has_keys(self) -> bool:
        """Whether any of the key variables is set."""
        return any(
            (
                self.access_private_key,
                self.access_public_key,
                self.refresh_private_key,
                self.refresh_public_key,
            )
        )

    @property
    def key_source(self) -> KeySource:
        """Return the location; :func:`~doorward.wiring.keys.open_key_store` rejects several."""
        if self.has_keys:
            return KeySource.ENVIRONMENT
        if self.keys_folder:
            return KeySource.FOLDER
        return KeySource.USERS_DATABASE if self.keys_secret else KeySource.EMBEDDED_DATABASE

    @property
    def secret_file(self) -> Path:
        """The data secret of the embedded default."""
        return self.data / "secret"
