"""Settings of new users and their addresses."""

from dataclasses import dataclass
from datetime import timedelta

from infrastructure.config import parsers
from infrastructure.config.environment_variables import declare


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationSettings:
    """What registrations disclose, and whether users prove their addresses."""

    email_verification: str | None = declare(
        "EMAIL_VERIFICATION",
        parsers.optional(parsers.one_of("off", "optional", "required")),
        None,
        "`optional`: new users get a mail with a link that proves their address. `required`: they "
        "log in after that only, and so do all users whose address is not proven. Unless set: "
        "`off` as long as `MAIL_URL` is not set, then `optional`; `required` with "
        "`REGISTRATION_DISCLOSES=false`.",
    )
    verification_lifetime: timedelta = declare(
        "EMAIL_VERIFICATION_EXPIRED_IN",
        parsers.lifetime,
        "24h",
        "Lifetime of the link that proves an address.",
    )
    unverified_lifetime: timedelta | None = declare(
        "UNVERIFIED_LIFETIME",
        parsers.lifetime_or_off,
        "off",
        "How long after their registration users are deleted who have not proven their address. "
        "Only users who have registered themselves with this release or a later one; neither "
        "administrators nor disabled users, nor those that the operator has created or imported. "
        "With `EMAIL_VERIFICATION=off` no user is deleted.",
    )
    discloses: bool = declare(
        "REGISTRATION_DISCLOSES",
        parsers.true_or_false,
        "true",
        "`false`: the answer to a registration is the same whether or not the address is taken, "
        "and the owner of a taken one gets a mail. It needs mail, and "
        "`EMAIL_VERIFICATION=required`: a login would disclose it otherwise.",
    )
