"""Settings that make the pages those of an installation: its accent colour and its links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import floor
from urllib.parse import urlsplit

from infrastructure.config import parsers

LIGHT, DARK = ("#ffffff", "#f6f7f9"), ("#1d2126", "#14171b")
"""What the stylesheet of the pages has behind links, in the light and in the dark scheme."""

_LEAST_CONTRAST = 4.5
"""Of text on its background (WCAG 2.2, 1.4.3, level AA)."""
_STEPS = 100
_LINK = re.compile(r"(?:([a-z]{2,3}):)?([^=]+)=(.+)", re.DOTALL)
_ADDRESS = re.compile(r"(?:https?://|mailto:)[A-Za-z0-9._~:/?#\[\]@!$&()*+;=%-]+")
_LONGEST_LABEL, _LONGEST_ADDRESS = 60, 500


@dataclass(frozen=True, slots=True)
class Accent:
    """The colour of links and main buttons, and that of the text on those buttons, by scheme."""

    light: str
    on_light: str
    dark: str
    on_dark: str


def accent(text: str) -> Accent:
    """Parse ``#rrggbb``, and derive the variant of the dark scheme.

    Text on a button has the colour that is behind links, so that the contrast is the same.

    :raises ValueError: it is no colour, or too light for links in the light scheme.
    """
    color = text.lower()
    if not re.fullmatch(r"#[0-9a-f]{6}", color):
        raise ValueError("must be a colour as #rrggbb, such as #1d4f91")
    if (found := _least_contrast(color, LIGHT)) < _LEAST_CONTRAST:
        darker = next(_fitting(color, "#000000", LIGHT))
        raise ValueError(
            f"has a contrast of {floor(found * 100) / 100:.2f}:1 with the page, and links and "
            f"buttons need {_LEAST_CONTRAST}:1 (WCAG 2.2, 1.4.3): {darker} would do"
        )
    return Accent(color, LIGHT[0], next(_fitting(color, "#ffffff", DARK)), DARK[1])


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2), from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _least_contrast(color: str, backgrounds: tuple[str, str]) -> float:
    return min(contrast(color, each) for each in backgrounds)


def _fitting(color: str, end: str, backgrounds: tuple[str, str]) -> Iterator[str]:
    """Yield the mixtures that have enough contrast, the one with the least of ``end`` first."""
    for step in range(_STEPS + 1):
        mixed = _mix(color, end, step / _STEPS)
        if _least_contrast(mixed, backgrounds) >= _LEAST_CONTRAST:
            yield mixed


def _mix(one: str, other: str, share: float) -> str:
    parts = zip(_parts(one), _parts(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in parts)


def _parts(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))


def _luminance(color: str) -> float:
    """Return the relative luminance (WCAG 2.2), from 0 to 1."""
    red, green, blue = (_linear(each / 255) for each in _parts(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


FooterLinks = tuple[tuple[str, str, str], ...]
"""Of each link the language (empty: all that have none of their own), label and address."""


def footer_links(text: str) -> FooterLinks:
    """Parse ``Imprint=https://example.com/imprint,de:Impressum=https://example.com/impressum``.

    :raises ValueError: a link has another form.
    """
    return tuple(_link(part.strip()) for part in text.split(",") if part.strip())


def _link(text: str) -> tuple[str, str, str]:
    match = _LINK.fullmatch(text)
    label, address = (match[2].strip(), match[3].strip()) if match else ("", "")
    is_label = 0 < len(label) <= _LONGEST_LABEL and label.isprintable()
    if match is None or not is_label or not _is_address(address):
        raise ValueError(
            "must be labels with addresses, separated by commas, such as "
            "Imprint=https://example.com/imprint,de:Impressum=https://example.com/impressum: "
            "https, http or mailto, a comma in it as %2C"
        )
    return match[1] or "", label, address


def _is_address(text: str) -> bool:
    if len(text) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(text):
        return False
    try:
        url = urlsplit(text)
        if url.scheme != "mailto":
            parsers.origin(f"{url.scheme}://{url.netloc}")
    except ValueError:
        return False
    return True
