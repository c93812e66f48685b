"""Settings of the pages for people."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from infrastructure.config import parsers
from infrastructure.config.environment_variables import declare
from infrastructure.config.web_pages.brand import Accent, FooterLinks, accent, footer_links
from infrastructure.config.web_pages.return_targets import is_page, return_targets

_LONGEST_NAME = 60


def _pages(text: str) -> str:
    if text not in {"all", "account", "off"}:
        raise ValueError("must be all, account or off")
    return text


def _name(text: str) -> str:
    name = text.strip()
    is_visible = all(unicodedata.category(each)[0] != "C" for each in name)
    if not (0 < len(name) <= _LONGEST_NAME and is_visible):
        raise ValueError(f"must be at most {_LONGEST_NAME} characters, none of them invisible")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """Which pages there are, and what they call the service."""

    which: str = declare(
        "PAGES",
        _pages,
        "all",
        "`all`: people get pages to register, log in and manage their account, and administrators "
        "get pages for their work. `account`: the former alone. `off`: none; applications have "
        "pages of their own.",
    )
    service_name: str = declare(
        "SERVICE_NAME",
        _name,
        "Doorward",
        "What pages call the service. Mails have the name in `MAIL_FROM`.",
    )
    return_targets: frozenset[str] = declare(
        "RETURN_TARGETS",
        return_targets,
        "",
        "Pages of applications, separated by commas, to which `/login?return_to=` and logins at "
        "other providers may send a browser after a login: exactly as they are written here. "
        "Paths of this service always work. An application on a device that exchanges a code for "
        "tokens can have an address such as `com.example.app:/callback`.",
    )

    logo: Path | None = declare(
        "BRAND_LOGO",
        parsers.optional(Path),
        None,
        "SVG or PNG file of at most 32 kB that pages show in place of `SERVICE_NAME`, 32 pixels "
        "high.",
    )
    accent: Accent | None = declare(
        "BRAND_COLOR",
        parsers.optional(accent),
        None,
        "Colour of links and main buttons as `#rrggbb`. The start refuses one whose contrast is "
        "below 4.5:1 (WCAG 2.2 AA) in the light scheme, and the dark scheme gets a lighter one "
        "where needed.",
    )
    footer_links: FooterLinks = declare(
        "FOOTER_LINKS",
        footer_links,
        "",
        "Links below every page, separated by commas: "
        "`Imprint=https://example.com/imprint,de:Impressum=https://example.com/impressum`. A page "
        "in a language with links of its own shows those, and each other page those without a "
        "language.",
    )

    templates: Path | None = declare(
        "PAGE_TEMPLATES",
        parsers.optional(Path),
        None,
        "Folder of templates and texts that replace those of pages, and of further languages. See "
        "[pages.md](pages.md#templates).",
    )

    @property
    def return_pages(self) -> frozenset[str]:
        """Return those that browsers open; the others get a code from another provider's login."""
        return frozenset(filter(is_page, self.return_targets))

    @property
    def has_account_pages(self) -> bool:
        return self.which != "off"

    @property
    def has_admin_pages(self) -> bool:
        return self.which == "all"
