"""HTTP requests to a provider, bounded in time, size and hosts.

httpx takes a tenth of a second to import, and its TLS context some more: both wait for the first
request, on a thread of their own.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import msgspec

from domain.errors import ProviderRefused, ProviderUnavailable

if TYPE_CHECKING:
    import httpx

TIMEOUT = 5.0
"""Seconds for a request and its whole answer."""
LARGEST_ANSWER = 256 * 1024
"""In bytes."""
MOST_AT_A_TIME = 50
"""Requests to one provider. The others wait outside of httpx's pool of connections, which takes a
time that grows with the square of those that wait in it, and holds the event loop meanwhile.
"""

_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_JSON = re.compile(r"application/([a-z0-9.+-]+\+)?json")
_TOO_MANY_REQUESTS = 429
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")

# Not compressed, because a few bytes may expand to many.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Doorward"}


def _make_client() -> "httpx.AsyncClient":
    import httpx  # noqa: PLC0415 - see above

    # The proxy of the environment, and the certificates that the operating system trusts.
    return httpx.AsyncClient(
        verify=_tls_context(),
        follow_redirects=False,
        timeout=TIMEOUT,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Where requests to a provider may go.

    :ivar base: a URL at its main host, such as its issuer. If this is http on a loopback
        address, other URLs may be that, too.
    :ivar others: hosts, with a port if it is not that of https.
    """

    base: str
    others: frozenset[str] = frozenset()

    def allow(self, url: str) -> bool:
        """Return whether this is a URL without a fragment or credentials at an allowed host."""
        try:
            parts = urlsplit(url)
            host = _host_of(url)
        except ValueError:
            return False
        is_plain = not (parts.fragment or "@" in parts.netloc or "\\" in url)
        is_ascii = re.fullmatch(r"[\x21-\x7e]+", url) is not None
        return is_plain and is_ascii and self._allows_scheme(url) and host in self._hosts()

    def _allows_scheme(self, url: str) -> bool:
        scheme = urlsplit(url).scheme
        is_loopback = is_loopback_http(self.base) and is_loopback_http(url)
        return scheme == "https" or is_loopback

    def _hosts(self) -> frozenset[str]:
        https = frozenset(each if ":" in each else f"{each}:443" for each in self.others)
        return https | {_host_of(self.base)}


def is_loopback_http(url: str) -> bool:
    """Return whether a URL is unencrypted, but leaves no machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and _LOOPBACK.fullmatch(parts.hostname or "") is not None


def _host_of(url: str) -> str:
    """
    :raises ValueError: the port is none.
    """
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)}"


class ProviderHttp:
    """Requests to one provider, over connections of its own. They keep no cookies.

    :param timeout: of each request with its answer, in seconds.
    """

    def __init__(self, hosts: AllowedHosts, timeout: float = TIMEOUT) -> None:
        self.hosts = hosts
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._places = asyncio.Semaphore(MOST_AT_A_TIME)
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def get(self, what: str, url: str, headers: Mapping[str, str] | None = None) -> Any:
        """Return the JSON that a URL has.

        :param what: its name in reasons, such as ``keys``.
        :raises ProviderUnavailable: there is no answer in time, or the provider is out of order.
        :raises ProviderRefused: the host is not allowed, or the answer is no success in JSON.
        """
        return await self._json(what, "GET", url, headers or {}, None)

    async def post(
        self, what: str, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> Any:
        """Send a form, and return the JSON that answers it. Raises as :meth:`get`."""
        encoded = {"Content-Type": "application/x-www-form-urlencoded"} | dict(headers)
        return await self._json(what, "POST", url, encoded, urlencode(form).encode())

    async def _json(
        self, what: str, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Any:
        if not self.hosts.allow(url):
            raise ProviderRefused(f"{what}_host_not_allowed")
        client = await self._opened()
        import httpx  # noqa: PLC0415 - the client has imported it on its thread

        try:
            given = _HEADERS | dict(headers)
            request = client.build_request(method, url, content=body, headers=given)
            async with asyncio.timeout(self._timeout), self._places:
                response = await client.send(request, stream=True)
                try:
                    return await _read(what, response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            raise ProviderUnavailable(f"{what}_timeout") from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise ProviderUnavailable(f"{what}_{_snake(type(error).__name__)}") from None

    async def _opened(self) -> "httpx.AsyncClient":
        async with self._lock:
            if self._client is None:
                self._client = await asyncio.to_thread(_make_client)
            return self._client


async def _read(what: str, response: "httpx.Response") -> Any:
    status = response.status_code
    if status >= 500 or status == _TOO_MANY_REQUESTS:
        raise ProviderUnavailable(f"{what}_status_{status}")
    if 300 <= status < 400:
        raise ProviderRefused(f"{what}_redirect")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ProviderRefused(f"{what}_compressed")
    media_type, body = response.headers.get("Content-Type", ""), await _body(what, response)
    if status != 200:
        raise ProviderRefused(f"{what}_{_error_code(body) or f'status_{status}'}")
    return _parsed(what, media_type, body)


def _error_code(body: bytes) -> str | None:
    """Return the code of an error (RFC 6749, section 5.2); ``None`` if there is none."""
    try:
        code = msgspec.json.decode(body)["error"]
    except (msgspec.MsgspecError, ValueError, RecursionError, TypeError, LookupError):
        return None
    return code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else None


async def _body(what: str, response: "httpx.Response") -> bytes:
    body = bytearray()
    async for part in response.aiter_raw(LARGEST_ANSWER):
        body += part
        if len(body) > LARGEST_ANSWER:
            raise ProviderRefused(f"{what}_too_large")
    return bytes(body)


def _parsed(what: str, media_type: str, body: bytes) -> Any:
    if not _JSON.fullmatch(media_type.partition(";")[0].strip().lower()):
        raise ProviderRefused(f"{what}_not_json")
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ProviderRefused(f"{what}_not_json") from None


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
