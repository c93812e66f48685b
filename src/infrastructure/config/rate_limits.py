"""Settings of the rate limits."""

from dataclasses import dataclass

from application.rate_limiting import RateLimits
from domain.rate_limit import RateLimit
from infrastructure.config import parsers
from infrastructure.config.environment_variables import declare


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitSettings(RateLimits):
    """The rate limits, as the application knows them, from environment variables."""

    login_account: RateLimit | None = declare(
        "LOGIN_LIMIT_ACCOUNT",
        parsers.limit("login-account"),
        "10/15m",
        "Failed logins to one account, as attempts/time; `off` for no limit. Devices and "
        "networks from which the owner has logged in have as many attempts of their own.",
    )
    login_address: RateLimit | None = declare(
        "LOGIN_LIMIT_ADDRESS",
        parsers.limit("login-address"),
        "300/15m",
        "Login attempts from one IP address, or from one IPv6 network of 64 bits. As many second "
        "factors, and three times as many steps of logins at other providers, which are counted "
        "for themselves.",
    )
    login: RateLimit | None = declare(
        "LOGIN_LIMIT",
        parsers.limit("login"),
        "3000/1m",
        "Login attempts, all clients together. As many begins of logins at other providers, which "
        "are counted for themselves.",
    )
    register_address: RateLimit | None = declare(
        "REGISTER_LIMIT_ADDRESS",
        parsers.limit("register-address"),
        "100/1h",
        "Registrations from one IP address.",
    )
    register: RateLimit | None = declare(
        "REGISTER_LIMIT",
        parsers.limit("register"),
        "1000/1m",
        "Registrations, all clients together.",
    )
    change_account: RateLimit | None = declare(
        "CHANGE_LIMIT_ACCOUNT",
        parsers.limit("change-account"),
        "60/1h",
        "Profile changes and exports of one user.",
    )
    refresh_account: RateLimit | None = declare(
        "REFRESH_LIMIT_ACCOUNT",
        parsers.limit("refresh-account"),
        "300/1m",
        "Refreshes of one user, all devices together.",
    )
    refresh_address: RateLimit | None = declare(
        "REFRESH_LIMIT_ADDRESS",
        parsers.limit("refresh-address"),
        "3000/1m",
        "Refreshes from one IP address.",
    )
    refresh: RateLimit | None = declare(
        "REFRESH_LIMIT", parsers.limit("refresh"), "off", "Refreshes, all clients together."
    )
    mail_recipient: RateLimit | None = declare(
        "MAIL_LIMIT_RECIPIENT",
        parsers.limit("mail-recipient"),
        "5/30m",
        "Mails of one kind to one address that a client without a session can cause, such as "
        "password resets. "
        "Over the limits of mail the answer is the same, and nothing is sent. With a time no "
        "longer than the life of a link, an attacker who uses up the mails leaves a good link to "
        "the owner.",
    )
    mail_address: RateLimit | None = declare(
        "MAIL_LIMIT_ADDRESS",
        parsers.limit("mail-address"),
        "30/1h",
        "Such mails that clients of one IP address cause.",
    )
    mail: RateLimit | None = declare(
        "MAIL_LIMIT",
        parsers.limit("mail"),
        "2000/1h",
        "Such mails, all clients together.",
    )
    link_address: RateLimit | None = declare(
        "LINK_LIMIT_ADDRESS",
        parsers.limit("link-address"),
        "100/15m",
        "Uses of links from mails, good and bad, from one IP address.",
    )
    factor_56: int = declare(
        "LIMIT_FACTOR_56",
        parsers.count(1),
        "2",
        "How many times the attempts of an IP address an IPv6 network of 56 bits has, in each of "
        "the limits for an address.",
    )
    factor_48: int = declare(
        "LIMIT_FACTOR_48",
        parsers.count(1),
        "4",
        "The same for an IPv6 network of 48 bits.",
    )
