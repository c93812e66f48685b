"""The settings of passkeys."""

from dataclasses import dataclass

from infrastructure.config import parsers
from infrastructure.config.environment_variables import declare


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeySettings:
    """For which domain passkeys are made, and which pages and apps use them."""

    domain: str | None = declare(
        "PASSKEY_DOMAIN",
        parsers.optional(parsers.passkey_domain),
        None,
        "The domain that passkeys are made for (the RP id): the host of `PUBLIC_URL`, or "
        "`localhost`, unless set. It may be a parent of the hosts that use it: `example.com` for "
        "`https://id.example.com`. Browsers accept no IP address. A passkey works for its domain "
        "alone: with another one, all users have to make new passkeys.",
    )
    origins: tuple[str, ...] = declare(
        "PASSKEY_ORIGINS",
        parsers.passkey_origins,
        "",
        "Origins of the pages and apps that may use passkeys, separated by commas: the origin of "
        "`PUBLIC_URL`, or `http://localhost:$PORT`, unless set. Apps for Android have "
        "`android:apk-key-hash:…`. `http://127.0.0.1` cannot use passkeys: open "
        "`http://localhost` there.",
    )
