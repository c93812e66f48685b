"""The check of an ID token (OpenID Connect Core 1.0, section 3.1.3.7)."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Any

import msgspec
from jwt import PyJWTError
from jwt.api_jws import PyJWS

from domain.errors import ProviderRefused
from domain.social_login.flow import LIFETIME
from domain.social_login.identity import LONGEST_SUBJECT
from infrastructure.identity_providers.keys import ALGORITHMS, PublicKey

_LEEWAY = 60
_OLDEST = 600
"""Seconds: the clocks may differ so much, and a token may be so old. A login gets a new one."""
_LONGEST_TOKEN = 16 * 1024
_SUBJECT = re.compile(rf"[\x20-\x7e]{{1,{LONGEST_SUBJECT}}}")

FindKey = Callable[[str | None, str], Awaitable[PublicKey]]
"""Finds the key by the id that a token names, and its algorithm."""


class _Claims(msgspec.Struct, frozen=True):
    """The claims that decide. Times are in seconds since 1970."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int | float
    iat: int | float
    nonce: str
    nbf: int | float | None = None
    azp: str | None = None
    auth_time: int | float | None = None


@dataclass(frozen=True, slots=True)
class IdTokenCheck:
    """What a token has to say.

    :ivar algorithms: which the provider announces.
    :ivar auth_time: whether the person has to have authenticated within this flow.
    """

    issuer: str
    client_id: str
    nonce: str
    algorithms: frozenset[str]
    auth_time: bool = False

    async def __call__(self, token: object, find_key: FindKey, now: datetime) -> dict[str, Any]:
        """Return the claims of a token, after all checks.

        :raises ProviderRefused: a check fails; the reason names it.
        :raises ProviderUnavailable: the key cannot be fetched.
        """
        payload = await self._payload(token, find_key)
        try:
            claims = msgspec.json.decode(payload, type=_Claims)
            everything: dict[str, Any] = msgspec.json.decode(payload, type=dict[str, Any])
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise ProviderRefused("id_token_claims_malformed") from None
        self._check(claims, now.timestamp())
        return everything

    async def _payload(self, token: object, find_key: FindKey) -> bytes:
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN:
            raise ProviderRefused("id_token_missing")
        jws = PyJWS(algorithms=sorted(ALGORITHMS))
        try:
            header = jws.get_unverified_header(token)
        except (PyJWTError, ValueError):
            raise ProviderRefused("id_token_malformed") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS & self.algorithms:
            raise ProviderRefused("id_token_algorithm")
        if str(header.get("typ", "JWT")).upper() != "JWT":
            raise ProviderRefused("id_token_header")
        key = await find_key(kid if isinstance(kid, str) else None, algorithm)
        try:
            payload = jws.decode_complete(token, key, algorithms=[algorithm])["payload"]
        except (PyJWTError, ValueError, TypeError):
            raise ProviderRefused("id_token_signature") from None
        return bytes(payload)

    def _check(self, claims: _Claims, now: float) -> None:
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        is_mine = claims.azp == self.client_id or (claims.azp is None and len(audiences) == 1)
        checks = {
            "issuer": claims.iss == self.issuer,
            "audience": self.client_id in audiences,
            "authorized_party": is_mine,
            "expired": now < claims.exp + _LEEWAY,
            "issued_in_future": claims.iat <= now + _LEEWAY,
            "too_old": claims.iat >= now - _OLDEST - _LEEWAY,
            "not_yet_valid": claims.nbf is None or claims.nbf <= now + _LEEWAY,
            "nonce": compare_digest(_octets(claims.nonce), _octets(self.nonce)),
            "subject": _SUBJECT.fullmatch(claims.sub) is not None,
            "auth_time": not self.auth_time or _is_recent(claims.auth_time, now),
        }
        for name, is_fulfilled in checks.items():
            if not is_fulfilled:
                raise ProviderRefused(f"id_token_{name}")


def _octets(text: str) -> bytes:
    return text.encode(errors="backslashreplace")


def _is_recent(auth_time: float | None, now: float) -> bool:
    oldest = now - LIFETIME.total_seconds() - _LEEWAY
    return auth_time is not None and oldest <= auth_time <= now + _LEEWAY
