"""Passwords that attackers try first, and the words of which they make them."""

from array import array
from bisect import bisect_left
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path
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


class CommonPasswords(Container[str]):
    """The 94 000 most common passwords, English words and names that zxcvbn has.

    They are read for the first new password, and kept as sorted hashes: as strings in a set they
    take twenty times the memory.
    """

    def __contains__(self, text: object) -> bool:
        wanted = hash(text)
        position = bisect_left(self._hashes, wanted)
        return position < len(self._hashes) and self._hashes[position] == wanted

    @cached_property
    def _hashes(self) -> Sequence[int]:
        return array("q", sorted(map(hash, frozenset[str]().union(*_lists().values()))))


def _lists() -> Mapping[str, Sequence[str]]:
    """Execute the one module of zxcvbn that is needed, which stays nowhere: it takes 7 MB."""
    package = find_spec("zxcvbn")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("zxcvbn")
    path = Path(package.origin).with_name("frequency_lists.py")
    lists: Mapping[str, Sequence[str]] = run_path(str(path))["FREQUENCY_LISTS"]
    return lists


COMMON_PASSWORDS = CommonPasswords()


def predictable_words(organization: Iterable[str], public_url: str | None) -> frozenset[str]:
    """Return the words that are no obstacle in a password.

    :param organization: names of the service and its operator.
    :param public_url: the origin of the service; its host is such a name.
    """
    host = (urlsplit(public_url).hostname if public_url else None) or ""
    names = [*organization, host.rpartition(".")[0], "doorward"]
    return _SPRAYED.union(*(words_of(name.casefold()) for name in names))
