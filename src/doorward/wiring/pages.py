"""The brand, templates and texts of the pages, as configured."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from api.web.brand import Brand, Colors, Logo, LogoInvalid
from api.web.overrides.invalid import OverrideInvalid
from api.web.overrides.templates import Override, read_overrides
from api.web.overrides.texts import check_texts
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.web_pages.settings import PageSettings


def brand(settings: PageSettings) -> Brand:
    """
    :raises ConfigurationError: the file of the logo cannot be read, or is no logo.
    """
    accent = settings.accent
    return Brand(
        logo=_logo(settings.logo) if settings.logo else None,
        colors=Colors(accent.light, accent.on_light, accent.dark, accent.on_dark)
        if accent
        else None,
        links=settings.footer_links,
    )


@dataclass(frozen=True, slots=True)
class Overrides:
    """
    :ivar languages: with texts of the operator.
    """

    templates: Sequence[Override] = ()
    languages: Sequence[str] = ()


def overrides(settings: PageSettings) -> Overrides:
    """
    :raises ConfigurationError: a file of the operator cannot be used.
    """
    if settings.templates is None:
        return Overrides()
    try:
        languages = check_texts(settings.templates)
        return Overrides(read_overrides(settings.templates), languages)
    except OverrideInvalid as error:
        raise ConfigurationError("PAGE_TEMPLATES", f"cannot be used: {error}") from None


def _logo(path: Path) -> Logo:
    try:
        return Logo.of(path.read_bytes())
    except OSError as error:
        raise ConfigurationError("BRAND_LOGO", f"cannot be read: {error.strerror}") from None
    except LogoInvalid as error:
        raise ConfigurationError("BRAND_LOGO", str(error)) from None
