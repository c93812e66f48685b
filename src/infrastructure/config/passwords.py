"""Settings of passwords and their hashes."""

from dataclasses import dataclass

from infrastructure.config import parsers
from infrastructure.config.environment_variables import ConfigurationError, declare
from infrastructure.config.mail.links import page_url
from infrastructure.passwords.argon2_hasher import (
    HIGHEST_MEMORY_KIB,
    HIGHEST_TIME_COST,
    LOWEST_MEMORY_KIB,
    LOWEST_MEMORY_KIB_OF_ONE_PASS,
    LOWEST_TIME_COST,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSettings:
    """Which passwords are accepted, and how they are hashed."""

    min_length: int = declare(
        "PASSWORD_MIN_LENGTH",
        parsers.count(6),
        "8",
        "Minimum length of a new password, in characters: 6 or more. NIST asks for 15 where the "
        "password is the only factor.",
    )
    blocklist: bool = declare(
        "PASSWORD_BLOCKLIST",
        parsers.on_or_off,
        "on",
        "`off`: common passwords such as `password123`, and words with digits, are accepted. Only "
        "for clients that cannot do without; the user's own name and address stay refused.",
    )
    words: tuple[str, ...] = declare(
        "PASSWORD_WORDS",
        parsers.words,
        "",
        "Names of the service and the organisation, separated by commas: passwords made of one "
        "and digits or signs are refused. The host of `PUBLIC_URL` is one already.",
    )
    change_url: str | None = declare(
        "CHANGE_PASSWORD_URL",
        parsers.optional(page_url),
        None,
        "The page on which users change their password; `/account/password` unless set. Password "
        "managers find it at `/.well-known/change-password`, which redirects there.",
    )
    argon2_memory: int = declare(
        "ARGON2_MEMORY_KIB",
        parsers.count(LOWEST_MEMORY_KIB, HIGHEST_MEMORY_KIB),
        "47104",
        "Argon2 memory cost, in KiB.",
    )
    argon2_passes: int = declare(
        "ARGON2_PASSES",
        parsers.count(LOWEST_TIME_COST, HIGHEST_TIME_COST),
        "2",
        "Argon2 time cost (iterations). `1` halves the price of a guess for a thief of the "
        "hashes, and lets a core log in 1.6 times as many users; it needs 47104 KiB. Hashes of "
        "before stay good ([ADR 66](adr/0066-cost-of-password-hashes.md)).",
    )
    hash_threads: int = declare(
        "HASH_THREADS", parsers.count(1), "1", "Threads per worker that compute password hashes."
    )
    hash_queue: int = declare(
        "HASH_QUEUE",
        parsers.count(0),
        "64",
        "Maximum number of password hashes that wait, per worker. Networks share it; more are "
        "many is answered 503.",
    )

    def __post_init__(self) -> None:
        """Refuse a pair that no recommendation has."""
        if self.argon2_passes == 1 and self.argon2_memory < LOWEST_MEMORY_KIB_OF_ONE_PASS:
            raise ConfigurationError(
                "ARGON2_PASSES",
                f"is 1, and needs ARGON2_MEMORY_KIB of {LOWEST_MEMORY_KIB_OF_ONE_PASS} or more",
            )
