"""Where browsers may go after a login, beside the paths of this service."""

import re

from infrastructure.config.mail.links import page_url

_APP_ADDRESS = re.compile(
    r"[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+:/[A-Za-z0-9._~:/?\[\]@!$&()*+,;=%-]*",
)
"""An address that the system of a device opens in an application (RFC 8252, section 7.1). Its
scheme is the reverse of a domain: ``javascript:`` and ``data:`` have no dot.
"""
_LONGEST = 255


def return_targets(text: str) -> frozenset[str]:
    """Parse the URLs of pages and the addresses of applications, separated by commas.

    :raises ValueError: one is neither.
    """
    return frozenset(_target(part.strip()) for part in text.split(",") if part.strip())


def is_page(target: str) -> bool:
    """Return whether browsers open it, so that cookies are of use there."""
    return target.startswith(("https://", "http://"))


def _target(text: str) -> str:
    if len(text) <= _LONGEST and _APP_ADDRESS.fullmatch(text):
        return text
    try:
        return page_url(text)
    except ValueError:
        raise ValueError(
            "must be https URLs of pages (http on localhost only), or addresses of applications "
            "such as com.example.app:/callback, without fragments"
        ) from None
