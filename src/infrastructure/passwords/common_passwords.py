"""Passwords that attackers try first, and the words of which they make them."""

from collections.abc import Iterable
from functools import cache
from urllib.parse import urlsplit

from domain.passwords.guessing import words_of

# Words that password spraying combines with a year, in the languages of most of its targets.
_SPRAYED = frozenset(
    [
        "password",
        "passwort",
        "passwd",
        "pass",
        "motdepasse",
        "contrasena",
        "senha",
        "wachtwoord",
        "haslo",
        "welcome",
        "willkommen",
        "bienvenue",
        "bienvenido",
        "welkom",
        "hello",
        "hallo",
        "letmein",
        "changeme",
        "change",
        "admin",
        "administrator",
        "root",
        "user",
        "guest",
        "login",
        "logon",
        "signin",
        "access",
        "secret",
        "secure",
        "security",
        "test",
        "testing",
        "temp",
        "demo",
        "default",
        "company",
        "office",
        "team",
        "service",
        "server",
        "system",
        "support",
        "covid",
        "spring",
        "summer",
        "autumn",
        "fall",
        "winter",
        "fruhling",
        "frühling",
        "sommer",
        "herbst",
        "printemps",
        "été",
        "automne",
        "hiver",
        "primavera",
        "verano",
        "otoño",
        "invierno",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "januar",
        "februar",
        "märz",
        "mai",
        "juni",
        "juli",
        "oktober",
        "dezember",
        "janvier",
        "février",
        "avril",
        "juillet",
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "montag",
        "dienstag",
        "mittwoch",
        "donnerstag",
        "freitag",
        "samstag",
        "sonntag",
        "qwerty",
        "qwertz",
        "azerty",
        "iloveyou",
    ]
)


@cache
def common_passwords() -> frozenset[str]:
    """Return the 94 000 most common passwords, English words and names that zxcvbn has."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - large, and not always used

    return frozenset[str]().union(*FREQUENCY_LISTS.values())


def predictable_words(organization: Iterable[str], public_url: str | None) -> frozenset[str]:
    """Return the words that are no obstacle in a password.

    :param organization: names of the service and its operator.
    :param public_url: the origin of the service; its host is such a name.
    """
    host = (urlsplit(public_url).hostname if public_url else None) or ""
    names = [*organization, host.rpartition(".")[0], "doorward"]
    return _SPRAYED.union(*(words_of(name.casefold()) for name in names))
