"""The pages that links in mails lead to."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from infrastructure.config import parsers
from infrastructure.config.mail.url import LOCAL_HOSTS

_LONGEST_PAGE = 255  # of a row in the outbox


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages that links in mails lead to."""

    reset: str
    verify: str
    undo: str


def page_url(text: str) -> str:
    """Parse the URL of a page. Its fragment is left for the token.

    :raises ValueError: it is too long, not safe or no URL.
    """
    try:
        url = urlsplit(text)
        parsers.origin(f"{url.scheme}://{url.netloc}")
    except ValueError:
        url = urlsplit("")
    if len(text) > _LONGEST_PAGE:
        raise ValueError(f"must be at most {_LONGEST_PAGE} characters long")
    is_local = LOCAL_HOSTS.fullmatch(url.hostname or "") is not None
    is_safe = url.scheme == "https" or (url.scheme == "http" and is_local)
    if not is_safe or not re.fullmatch(r"[A-Za-z0-9._~:/?\[\]@!$&()*+,;=%-]+", text):
        raise ValueError(
            "must be the https URL of a page (http on localhost only), without a fragment, such "
            "as https://app.example.com/reset"
        )
    return text


def page_urls(text: str) -> tuple[str, ...]:
    """Parse the URLs of pages, separated by commas."""
    return tuple(page_url(part.strip()) for part in text.split(",") if part.strip())
