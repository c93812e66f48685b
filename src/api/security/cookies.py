"""The cookies (RFC 6265bis): how they are named, set, removed and read."""

from collections.abc import Iterable
from dataclasses import dataclass

from litestar.datastructures import Cookie

from api.security.origin_policy import OriginPolicy
from application.login.complete import LoggedIn, TokenPair
from domain.authentication import SECOND_FACTORS, Method
from domain.errors import SecondFactorRequired, TokenRejected
from domain.social_login.flow import LIFETIME, FlowId

_YEAR = 365 * 24 * 60 * 60
_SEPARATOR = "."
"""In no challenge, which is base64url, and in no name of a method."""


class _PlainCookie(Cookie):
    """Litestar's would write an empty value as two quotes, and ``SameSite=lax``."""

    def to_header(self, **_kwargs: object) -> str:
        attributes = [f"{self.key}={self.value}", "Path=/", f"Max-Age={self.max_age}"]
        flags = ["HttpOnly"] * bool(self.httponly) + ["Secure"] * bool(self.secure)
        return "; ".join([*attributes, "SameSite=Lax", *flags])


@dataclass(frozen=True, slots=True)
class CookieNames:
    """The names of the cookies.

    :ivar flow: what the name of the cookie of a flow begins with; the id of the flow follows.
    :ivar second_factor: of the cookie that a login which needs a second factor takes to its form.
    :ivar logged_in: of the cookie that pages may read. It contains no token.
    """

    access: str
    refresh: str
    device: str
    flow: str = "social-"
    second_factor: str = "second-factor"
    logged_in: str = "logged_in"

    @classmethod
    def under(cls, origin_policy: OriginPolicy, prefix: str = "") -> "CookieNames":
        """Return the names at this origin.

        Under https, ``__Host-`` keeps other hosts of the domain from setting the tokens.

        :param prefix: distinguishes several installations on one host: cookies ignore ports.
        """
        tokens = f"__Host-{prefix}" if origin_policy.is_https else prefix
        return cls(
            f"{tokens}access_token",
            f"{tokens}refresh_token",
            f"{tokens}device",
            f"{tokens}social-",
            f"{tokens}second-factor",
            f"{prefix}logged_in",
        )


class CookieWriter:
    """Writes the cookies of one origin."""

    def __init__(self, origin_policy: OriginPolicy, names: CookieNames) -> None:
        self._names = names
        self._is_secure = origin_policy.is_https

    def of_tokens(self, tokens: TokenPair) -> list[Cookie]:
        """Return the cookies of tokens. Each expires with its token."""
        return [
            self._cookie(self._names.access, tokens.access, tokens.access_lifetime),
            self._cookie(self._names.refresh, tokens.refresh, tokens.refresh_lifetime),
            self._cookie(self._names.logged_in, "true", tokens.access_lifetime),
        ]

    def of_session(self, logged_in: LoggedIn) -> list[Cookie]:
        """Return the cookies of a new session and of its device."""
        return [*self.of_tokens(logged_in.tokens), self.of_device(logged_in.device_token)]

    def of_device(self, token: str) -> Cookie:
        """Return the cookie that identifies a known device. It deliberately survives a logout."""
        return self._cookie(self._names.device, token, _YEAR)

    def of_second_factor(self, required: SecondFactorRequired) -> Cookie:
        """Return the cookie that takes a pending login to ``/login/second-factor``, the page with
        its form: the answer to a form shows that itself, a redirect cannot.
        """
        value = _SEPARATOR.join([required.challenge, *required.methods])
        return self._cookie(self._names.second_factor, value, required.expires_in)

    def second_factor_removal(self) -> Cookie:
        """Return the cookie that removes that of a pending login."""
        return self._cookie(self._names.second_factor, "", 0)

    def of_flow(self, flow_id: FlowId, secret: str) -> Cookie:
        """Return the cookie that binds a flow to this browser."""
        return self._cookie(self._names.flow + flow_id, secret, int(LIFETIME.total_seconds()))

    def flow_removal(self, flow_id: FlowId) -> Cookie:
        """Return the cookie that removes that of a flow."""
        return self._cookie(self._names.flow + flow_id, "", 0)

    def removal(self) -> list[Cookie]:
        """Return the cookies that remove those of a session."""
        removed = (self._names.access, self._names.refresh, self._names.logged_in)
        return [self._cookie(name, "", 0) for name in removed]

    def _cookie(self, name: str, value: str, lifetime: int) -> Cookie:
        return _PlainCookie(
            key=name,
            value=value,
            max_age=lifetime,
            secure=self._is_secure,
            httponly=name != self._names.logged_in,
        )


def pending_login(value: str) -> SecondFactorRequired | None:
    """Return what a cookie of a pending login says; ``None`` if it is none."""
    challenge, *methods = value.split(_SEPARATOR)
    if not challenge or not methods or not SECOND_FACTORS.issuperset(methods):
        return None
    return SecondFactorRequired([Method(each) for each in methods], challenge)


def read_all(headers: Iterable[bytes], name: str) -> list[str]:
    """Return the values of all cookies of exactly this name, to end what they stand for."""
    pairs = b"; ".join(headers).decode("latin-1").split(";")
    parts = [each.removeprefix(" ").partition("=") for each in pairs]
    return [value for key, _, value in parts if key == name]


def read(headers: Iterable[bytes], name: str) -> str | None:
    """Return the value of the cookie of exactly this name; ``None`` if there is none.

    :param headers: the values of all Cookie headers.
    :raises TokenRejected: it is there twice, or beside one whose name differs only in case or
        white space. Servers and proxies disagree on which of those counts, so none does.
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
