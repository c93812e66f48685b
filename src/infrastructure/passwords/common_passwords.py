"""Passwords that attackers try first, and the words of which they make them."""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Container, Iterable, Sequence
from functools import cached_property
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
        from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - large

        words = frozenset[str]().union(*FREQUENCY_LISTS.values())
        hashes = array("q", sorted(map(hash, words)))
        for name in [name for name in sys.modules if name.partition(".")[0] == "zxcvbn"]:
            del sys.modules[name]  # nothing else uses it, and it would keep its lists
        return hashes


COMMON_PASSWORDS = CommonPasswords()


def predictable_words(organization: Iterable[str], public_url: str | None) -> frozenset[str]:
    """Return the words that are no obstacle in a password.

    :param organization: names of the service and its operator.
    :param public_url: the origin of the service; its host is such a name.
    """
    host = (urlsplit(public_url).hostname if public_url else None) or ""
    names = [*organization, host.rpartition(".")[0], "doorward"]
    return _SPRAYED.union(*(words_of(name.casefold()) for name in names))
