"""The checks of passkeys: those of another domain than the present one cannot be used."""

from collections.abc import Collection, Mapping

from doorward.diagnostics.finding import Verdict
from doorward.plurals import counted
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.storage.locations import locations, store_options, translate_errors


async def require_passkeys_of_domain(settings: Settings) -> None:
    """Refuse to serve a domain for which stored passkeys do not work.

    :raises ConfigurationError: there are some, and their domain is not known as a former one.
    :raises NotReady: the store does not answer.
    """
    known = {settings.passkey_domain, *settings.passkeys.former_domains}
    others = await _of_other_domains(settings, known)
    if others:
        raise ConfigurationError("PASSKEY_DOMAIN", _explain(others))


async def check_passkeys(settings: Settings) -> tuple[Verdict, str]:
    """Count the passkeys of other domains, and say whether browsers offer any at all."""
    others = await _of_other_domains(settings, {settings.passkey_domain})
    if others is None:
        return "info", "off: the users are in a store without them"
    former = settings.passkeys.former_domains
    if unknown := {name: count for name, count in others.items() if name not in former}:
        return "FAIL", f"PASSKEY_DOMAIN {_explain(unknown)}"
    if others:
        lost = f"{counted(sum(others.values()), 'passkey')} of {', '.join(sorted(others))}"
        return "info", f"for {settings.passkey_domain}; {lost} cannot be used"
    if not settings.offers_passkeys:
        return "info", "off in browsers: PUBLIC_URL needs https and a host name"
    return "ok", f"for {settings.passkey_domain}"


async def _of_other_domains(
    settings: Settings, known: Collection[str]
) -> Mapping[str, int] | None:
    """
    :returns: the counts by domain; ``None`` where the users are in a store without passkeys.
    """
    users, _ = locations(settings.storage)
    make = users.backend.passkeys
    if users.is_memory or make is None:
        return None
    if users.file and not users.file.exists():
        return {}
    with translate_errors(users):
        async with users.connect(store_options(settings.storage)) as connection:
            return await make(connection).of_other_domains(known)


def _explain(others: Mapping[str, int]) -> str:
    domain, count = max(others.items(), key=lambda each: (each[1], each[0]))
    return (
        f"is another one than that of {counted(count, 'passkey')}, which it ends: set "
        f"PASSKEY_DOMAIN={domain}, or PASSKEY_FORMER_DOMAINS={','.join(sorted(others))} to lose "
        "them"
    )
