"""Argon2id password hashes (RFC 9106).

Hashes that other systems made are verified too. Those that are Argon2 are read here,
:mod:`infrastructure.passwords.imported.forms` reads all others.
"""

import re
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import argon2
from argon2 import Parameters, Type
from argon2.exceptions import VerificationError, VerifyMismatchError
from argon2.low_level import ARGON2_VERSION

from application.ports import HashClient, PasswordHasher, UnusableHash
from domain.passwords.password import Password
from infrastructure.passwords.hashing_pool import HashingPool
from infrastructure.passwords.imported import forms
from infrastructure.passwords.imported.imported_hash import (
    LONGEST_HASH,
    SHORTEST_HASH,
    ImportedHash,
)
from infrastructure.passwords.timing_padding import MINIMUM_MEMORY_KIB, clock_for, pad_time

# OWASP's Password Storage Cheat Sheet has them as equally strong: 46 MiB with one pass, or 19 MiB
# with two. See docs/adr/0066.
LOWEST_TIME_COST = 1
LOWEST_MEMORY_KIB = 19456
LOWEST_MEMORY_KIB_OF_ONE_PASS = 47104

# No hash made here comes near these; a costlier one was planted to exhaust the machine.
HIGHEST_TIME_COST = 16
HIGHEST_MEMORY_KIB = 256 * 1024
HIGHEST_PARALLELISM = 16

DEAREST_IMPORT = 4 * HIGHEST_MEMORY_KIB
"""KiB times passes: libsodium's "moderate" has three quarters of it, which take 1.5 s."""

# As the library reads it: neither salt nor hash may end in unused bits.
_BASE64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?"
_COST = "m=[1-9][0-9]*,t=[1-9][0-9]*,p=[1-9][0-9]*"
_FORM = re.compile(rf"\$argon2(?:id|i|d)\$(?:v=1[69]\$)?{_COST}\${_BASE64}\${_BASE64}")
_DJANGO = "argon2"  # stands before the form there
_OWN = "$argon2id$"

PATIENCE = 2.0
"""Seconds for all spellings of a password, when it is compared with the hash of another system."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one hash: time cost (iterations), memory in KiB, lanes."""

    time_cost: int = 2
    memory_kib: int = 47104
    parallelism: int = 1


class Argon2Hasher(PasswordHasher):
    """Argon2id, computed in a pool of threads."""

    def __init__(self, cost: Cost, pool: HashingPool) -> None:
        self._pool = pool
        self._argon2 = argon2.PasswordHasher(cost.time_cost, cost.memory_kib, cost.parallelism)
        self._decoy = _decoy(self._argon2)
        self._parameters = argon2.extract_parameters(self._decoy)
        self._usual_time: float | None = None

    async def hash(self, password: Password, client: HashClient) -> str:
        return await self._pool.run(lambda: self._hash(password.text), client)

    async def verify(self, password: Password, stored: str | None, client: HashClient) -> bool:
        """Compare as the port says, with hashes of other systems too.

        One that costs more than a hash made today takes longer: a wrong password then tells that
        the user was imported.
        """
        return await self._pool.run(lambda: self._verify(password, stored), client)

    def adopt(self, given: str) -> str:
        """Return the hash without wrappers.

        Argon2 gets Django's prefix, which marks it as imported: its parameters may be those of a
        hash made here.
        """
        bare = forms.canonical(given)
        stored = _DJANGO + bare if bare.startswith("$argon2") else bare
        if (made := read_parameters(stored)) is None:
            forms.parse(stored)
        elif _work(made) > max(DEAREST_IMPORT, _work(self._parameters)):
            raise UnusableHash("costs more than is accepted: Argon2 up to 1 GiB times passes")
        return stored

    def is_outdated(self, stored: str) -> bool:
        made, wanted = read_parameters(stored), self._parameters
        if made is None or made.type is not Type.ID or stored.startswith(_DJANGO):
            return True
        # A stronger hash is not outdated: two versions of the settings may run side by side.
        return any(
            getattr(made, name) < getattr(wanted, name)
            for name in ("version", "salt_len", "hash_len", "time_cost", "memory_cost")
        )

    def _hash(self, text: str) -> str:
        hashed, self._usual_time = self._timed_hash(text)
        return hashed

    def _timed_hash(self, text: str) -> tuple[str, float]:
        clock = clock_for(self._argon2.parallelism)
        began = clock()
        hashed = self._argon2.hash(text)
        return hashed, clock() - began

    def _verify(self, password: Password, stored: str | None) -> bool:
        usual_time = self._usual_time
        if usual_time is None:  # of the process's first login, whatever its hash is
            _, usual_time = self._timed_hash("")
            self._usual_time = usual_time
        clock = clock_for((read_parameters(stored or "") or self._parameters).parallelism)
        began = clock()
        is_right = self._is_right(password, stored)
        if stored and self.is_outdated(stored):  # without a hash the decoy took the time
            pad_time(self._parameters, clock() - began, usual_time)
        return is_right

    def _is_right(self, password: Password, stored: str | None) -> bool:
        imported = forms.read(stored or "")
        made = read_parameters(stored or "")
        if stored is None or (imported is None and (made is None or stored.startswith(_OWN))):
            return self._is_argon2_of(password.text, stored or "")
        clock = clock_for((made or self._parameters).parallelism)
        began = clock()
        for tried, is_right in enumerate(self._comparisons(password, stored, imported), 1):
            if is_right():
                return True
            if (clock() - began) * (tried + 1) / tried > PATIENCE:
                return False  # the next spelling would take too long
        return False

    def _comparisons(
        self, password: Password, stored: str, imported: ImportedHash | None
    ) -> Iterator[Callable[[], bool]]:
        """Yield what compares one spelling each, at the cost of one hash."""
        for text in password.spellings():
            if imported is None:
                yield partial(self._is_argon2_of, text, stored)
            else:
                for spelling in imported.spellings(text.encode()):
                    yield partial(imported.verify, spelling)

    def _is_argon2_of(self, text: str, stored: str) -> bool:
        for hashed in (stored, self._decoy):
            if read_parameters(hashed):
                try:
                    return self._argon2.verify(hashed.removeprefix(_DJANGO), text)
                except VerifyMismatchError:
                    return False
                except (VerificationError, ValueError):
                    continue  # nothing was computed: there is no memory for it, for example
        return False


def _decoy(argon2_hasher: argon2.PasswordHasher) -> str:
    """Make the hash that is compared with the password of an unknown user.

    It is of no password, so it is not computed. The comparison takes as long, and never matches.
    """
    salt, digest = (
        b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (argon2_hasher.salt_len, argon2_hasher.hash_len)
    )
    cost = f"m={argon2_hasher.memory_cost},t={argon2_hasher.time_cost}"
    lanes = argon2_hasher.parallelism
    return f"{_OWN}v={ARGON2_VERSION}${cost},p={lanes}${salt}${digest}"


def _work(parameters: Parameters) -> int:
    return parameters.memory_cost * parameters.time_cost


def read_parameters(stored: str) -> Parameters | None:
    """The parameters of an Argon2 hash of any system, if its cost is acceptable."""
    hashed = stored.removeprefix(_DJANGO)
    if len(stored) > LONGEST_HASH or not _FORM.fullmatch(hashed):
        return None
    made = argon2.extract_parameters(hashed)
    is_acceptable = (
        made.time_cost <= HIGHEST_TIME_COST
        and MINIMUM_MEMORY_KIB * made.parallelism <= made.memory_cost <= HIGHEST_MEMORY_KIB
        and made.parallelism <= HIGHEST_PARALLELISM
        and made.salt_len >= 8
        and made.hash_len >= SHORTEST_HASH
    )
    return made if is_acceptable else None
