"""The public keys of a provider (RFC 7517)."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWTError
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from domain.errors import ProviderRefused
from infrastructure.identity_providers.cached import LIFETIME, Cached
from infrastructure.identity_providers.http import ProviderHttp

ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "EdDSA"})

_MOST_KEYS = 50
_LOOK_AGAIN = 60.0
"""Seconds: an unknown key is looked up at most that often."""
_SMALLEST_RSA, _LARGEST_RSA = 2048, 8192
_LARGEST_EXPONENT = 2**32

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """
    :ivar algorithms: which it may verify.
    """

    kid: str | None
    public: PublicKey
    algorithms: frozenset[str]


class ProviderKeys:
    """The keys of one provider, kept for an hour."""

    def __init__(self, http: ProviderHttp, now: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._now = now
        self._cached: Cached[Sequence[ProviderKey]] | None = None
        self._url = ""

    async def all(self, url: str, younger_than: float = LIFETIME) -> Sequence[ProviderKey]:
        """Return the usable keys.

        :param url: of the key set, from the metadata.
        :raises ProviderUnavailable: the provider does not answer.
        :raises ProviderRefused: there is no key set.
        """
        if self._cached is None or url != self._url:
            self._url = url
            self._cached = Cached(self._fetch, self._now)
        return await self._cached.get(younger_than)

    async def find(self, url: str, kid: str | None, algorithm: str) -> PublicKey:
        """Return the key that verifies a token.

        :param kid: which the token names; without any, the only key for the algorithm counts.
        :raises ProviderUnavailable: the provider does not answer.
        :raises ProviderRefused: it has no such key, or several.
        """
        found = _matching(await self.all(url), kid, algorithm)
        if not found:
            found = _matching(await self.all(url, _LOOK_AGAIN), kid, algorithm)
        if len(found) != 1:
            raise ProviderRefused("id_token_key_ambiguous" if found else "id_token_key_unknown")
        return found[0].public

    async def _fetch(self) -> Sequence[ProviderKey]:
        document = await self._http.get("keys", self._url)
        keys = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
            raise ProviderRefused("keys_malformed")
        return list(_usable(keys))


def _matching(
    keys: Sequence[ProviderKey], kid: str | None, algorithm: str
) -> Sequence[ProviderKey]:
    return [
        each for each in keys if algorithm in each.algorithms and (kid is None or each.kid == kid)
    ]


def _usable(keys: Sequence[object]) -> Iterator[ProviderKey]:
    """Yield the keys that verify signatures. Others are ignored (RFC 7517, section 5)."""
    for each in keys:
        if not isinstance(each, dict) or not _is_for_signatures(each):
            continue
        public = _public_key(each)
        algorithms = _algorithms_of(public) if public else frozenset()
        if "alg" in each:
            algorithms &= {each["alg"]} if isinstance(each["alg"], str) else frozenset()
        kid = each.get("kid")
        if public and algorithms and (kid is None or isinstance(kid, str)):
            yield ProviderKey(kid, public, algorithms)


def _is_for_signatures(key: Mapping[str, Any]) -> bool:
    operations = key.get("key_ops", ["verify"])
    return (
        key.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and ("verify" in operations)
    )


def _public_key(key: Mapping[str, Any]) -> PublicKey | None:
    """Return the key; ``None`` if it is of another kind, malformed or private."""
    public = {
        name: value for name, value in key.items() if name in {"kty", "crv", "n", "e", "x", "y"}
    }
    try:
        match public.get("kty"), public.get("crv"):
            case "RSA", _:
                found: object = RSAAlgorithm.from_jwk(public)
            case "EC", "P-256":
                found = ECAlgorithm.from_jwk(public)
            case "OKP", "Ed25519":
                found = OKPAlgorithm.from_jwk(public)
            case _:
                return None
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(found, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey):
        return found
    return None


def _algorithms_of(key: PublicKey) -> frozenset[str]:
    match key:
        case RSAPublicKey():
            is_strong = _SMALLEST_RSA <= key.key_size <= _LARGEST_RSA
            is_usual = key.public_numbers().e <= _LARGEST_EXPONENT
            return frozenset({"RS256", "PS256"} if is_strong and is_usual else ())
        case EllipticCurvePublicKey():
            return frozenset({"ES256"})
        case _:
            return frozenset({"EdDSA"})
