"""The cookies (RFC 6265bis): their names, how they are set, removed and read."""

from collections.abc import Iterable
from dataclasses import dataclass

from litestar.datastructures import Cookie

from api.security.origin_policy import OriginPolicy
from application.authentication import TokenPair
from domain.errors import TokenRejected

_YEAR = 365 * 24 * 60 * 60


class _PlainCookie(Cookie):
    """Litestar's would write an empty value as two quotes, and ``SameSite=lax``."""

    def to_header(self, **_kwargs: object) -> str:
        attributes = [f"{self.key}={self.value}", "Path=/", f"Max-Age={self.max_age}"]
        flags = ["HttpOnly"] * bool(self.httponly) + ["Secure"] * bool(self.secure)
        return "; ".join([*attributes, "SameSite=Lax", *flags])


@dataclass(frozen=True, slots=True)
class CookieNames:
    access: str
    refresh: str
    device: str
    logged_in: str = "logged_in"


def names(origin_policy: OriginPolicy) -> CookieNames:
    """Under https, ``__Host-`` keeps other hosts of the domain from setting the tokens."""
    prefix = "__Host-" if origin_policy.is_https else ""
    return CookieNames(f"{prefix}access_token", f"{prefix}refresh_token", f"{prefix}device")


def of_tokens(tokens: TokenPair, origin_policy: OriginPolicy) -> list[Cookie]:
    """Return the cookies of a login. They expire with their tokens."""
    known = names(origin_policy)
    return [
        _cookie(origin_policy, known.access, tokens.access, tokens.access_lifetime),
        _cookie(origin_policy, known.refresh, tokens.refresh, tokens.refresh_lifetime),
        _cookie(origin_policy, known.logged_in, "true", tokens.access_lifetime),
    ]


def of_device(token: str, origin_policy: OriginPolicy) -> Cookie:
    """Return the device cookie. It outlives logouts: that is its purpose."""
    return _cookie(origin_policy, names(origin_policy).device, token, _YEAR)


def removal(origin_policy: OriginPolicy) -> list[Cookie]:
    """Return the cookies that remove those of a login from a browser."""
    known = names(origin_policy)
    gone = (known.access, known.refresh, known.logged_in)
    return [_cookie(origin_policy, name, "", 0) for name in gone]


def _cookie(origin_policy: OriginPolicy, name: str, value: str, lifetime: int) -> Cookie:
    return _PlainCookie(
        key=name,
        value=value,
        max_age=lifetime,
        secure=origin_policy.is_https,
        httponly=name
        != names(origin_policy).logged_in,  # which pages may read, and no token is in it
    )


def read(headers: Iterable[bytes], name: str) -> str | None:
    """Return the value of the cookie of exactly this name; ``None`` when there is none.

    :param headers: the values of all Cookie headers.
    :raises TokenRejected: the cookie appears twice, or beside one whose name differs only in
        case or white space. Servers and proxies disagree on which of those counts.
    """
    found: list[str] = []
    for pair in b"; ".join(headers).decode("latin-1").split(";"):
        key, _, value = pair.removeprefix(" ").partition("=")
        if key == name:
            found.append(value)
        elif key.strip().lower() == name.lower():
            raise TokenRejected
    if len(found) > 1:
        raise TokenRejected
    return found[0] if found else None
