"""What makes the pages those of an installation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STYLESHEET = "brand.css"
"""With the colours, if there are own ones."""

_LARGEST = 32 * 1024
"""In bytes: the first visit of a page, with all its files, stays below 60 kB."""
_PNG = b"\x89PNG\r\n\x1a\n"
_SVG = re.compile(
    r"\ufeff?(?:\s|<\?[^>]*\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\])?\s*>)*+"
    r"<svg\s[^>]*xmlns=[\"']http://www\.w3\.org/2000/svg[\"']",
    re.DOTALL | re.IGNORECASE,
)

Links = Sequence[tuple[str, str, str]]
"""Of each link the language (empty: all that have none of their own), label and address."""


class LogoInvalid(Exception):
    """A file is no logo: what follows its name in a sentence."""


@dataclass(frozen=True, slots=True)
class Logo:
    """
    :ivar name: of the file below ``/assets``, without the digest.
    """

    name: str
    content: bytes

    @classmethod
    def of(cls, content: bytes) -> "Logo":
        """
        :raises LogoInvalid: it is too large, or neither SVG nor PNG.
        """
        if len(content) > _LARGEST:
            raise LogoInvalid(
                f"has {len(content) // 1024 + 1} kB, and may have {_LARGEST // 1024}"
            )
        if content.startswith(_PNG):
            return cls("logo.png", content)
        try:
            is_svg = _SVG.match(content.decode()) is not None
        except UnicodeDecodeError:
            is_svg = False
        if not is_svg:
            raise LogoInvalid("is neither a PNG nor an SVG in UTF-8 with its xmlns")
        return cls("logo.svg", content)


@dataclass(frozen=True, slots=True)
class Colors:
    """The colour of links and main buttons, and that of the text on those buttons, by scheme."""

    light: str
    on_light: str
    dark: str
    on_dark: str

    def stylesheet(self) -> str:
        return (
            f":root {{ --accent: {self.light}; --on-accent: {self.on_light}; }}\n"
            "@media (prefers-color-scheme: dark) {\n"
            f"  :root {{ --accent: {self.dark}; --on-accent: {self.on_dark}; }}\n"
            "}\n"
        )


@dataclass(frozen=True, slots=True)
class Brand:
    """The brand of an installation.

    :ivar colors: in place of those of the stylesheet.
    :ivar links: below every page.
    """

    logo: Logo | None = None
    colors: Colors | None = None
    links: Links = ()

    def files(self) -> Mapping[str, bytes]:
        """Return the files that pages need for it, by their names."""
        files = {}
        if self.logo:
            files[self.logo.name] = self.logo.content
        if self.colors:
            files[STYLESHEET] = self.colors.stylesheet().encode()
        return files

    def links_in(self, language: str) -> Sequence[tuple[str, str]]:
        """Return the labels and addresses of the links below a page in this language."""
        own = any(each == language for each, *_ in self.links)
        wanted = language if own else ""
        return [(label, address) for each, label, address in self.links if each == wanted]
