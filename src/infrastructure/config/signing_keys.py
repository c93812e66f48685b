"""Settings of the signing keys: where they are stored, and how they are rotated."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from infrastructure.config import parsers
from infrastructure.config.environment_variables import declare

ALGORITHMS = ("RS256", "PS256", "EdDSA")


class KeySource(StrEnum):
    """Where the signing keys are."""

    ENVIRONMENT = "environment"
    FOLDER = "folder"
    USERS_DATABASE = "users database"
    EMBEDDED_DATABASE = "embedded database"

    @property
    def is_sql(self) -> bool:
        """Whether they are in a database."""
        return self in {KeySource.USERS_DATABASE, KeySource.EMBEDDED_DATABASE}


def _algorithm(text: str) -> str:
    if text not in ALGORITHMS:
        raise ValueError(f"must be one of {', '.join(ALGORITHMS)}")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """The keys that sign tokens."""

    access_private_key: str | None = declare(
        "ACCESS_TOKEN_PRIVATE_KEY",
        parsers.optional(parsers.text),
        None,
        "RSA key (PEM, in base64) that signs access tokens. Without any of the four, the service "
        "generates key pairs and stores them, encrypted, in the SQLite file in `DOORWARD_DATA`.",
        is_secret=True,
    )
    access_public_key: str | None = declare(
        "ACCESS_TOKEN_PUBLIC_KEY",
        parsers.optional(parsers.text),
        None,
        "Its public key. It is optional, and must match.",
        is_secret=True,
    )
    refresh_private_key: str | None = declare(
        "REFRESH_TOKEN_PRIVATE_KEY",
        parsers.optional(parsers.text),
        None,
        "RSA key that signs refresh tokens. It must differ from that of access tokens.",
        is_secret=True,
    )
    refresh_public_key: str | None = declare(
        "REFRESH_TOKEN_PUBLIC_KEY",
        parsers.optional(parsers.text),
        None,
        "Its public key. It is optional, and must match.",
        is_secret=True,
    )
    folder: Path | None = declare(
        "KEYS_FOLDER",
        parsers.optional(Path),
        None,
        "Folder of PEM files, such as a mounted secret, to use instead of those four: "
        "`access.pem`, `refresh.pem`, and others for rotation. The service only reads it.",
    )
    secrets: tuple[bytes, ...] | None = declare(
        "KEYS_SECRET",
        parsers.optional(parsers.secrets),
        None,
        "32 bytes in base64, such as `doorward keys secret` prints. With it the keys are stored "
        "in the database of the users, encrypted with it, shared by all workers and rotated "
        "automatically. Several, separated by commas: the first encrypts, all decrypt. Without "
        "it, the file `secret` in `DOORWARD_DATA` encrypts the keys of the embedded default.",
        is_secret=True,
    )
    rotation: timedelta | None = declare(
        "KEY_ROTATION",
        parsers.unless_off(parsers.lifetime),
        "30d",
        "With `KEYS_SECRET`: how long a key signs before its successor does; `off` leaves that "
        "to `doorward keys rotate`.",
    )
    algorithm: str = declare(
        "TOKEN_ALGORITHM",
        _algorithm,
        "RS256",
        "Algorithm of new keys: `RS256`, `PS256` or `EdDSA`.",
    )
    jwks_max_age: timedelta = declare(
        "JWKS_MAX_AGE",
        parsers.lifetime,
        "5m",
        "How long clients may cache the public keys. A new key is published for twice as long "
        "before it signs.",
    )

    @property
    def has_keys(self) -> bool:
        """Whether any key is in the environment."""
        return any(
            (
                self.access_private_key,
                self.access_public_key,
                self.refresh_private_key,
                self.refresh_public_key,
            )
        )

    @property
    def source(self) -> KeySource:
        """The first of several, which a start refuses."""
        if self.has_keys:
            return KeySource.ENVIRONMENT
        if self.folder:
            return KeySource.FOLDER
        return KeySource.USERS_DATABASE if self.secrets else KeySource.EMBEDDED_DATABASE
