"""The brand and the templates of the pages, as configured."""

from pathlib import Path

from api.web.brand import Brand, Colors, Logo, LogoInvalid
from api.web.template_overrides import Override, TemplateInvalid, read_overrides
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.pages import PageSettings


def brand(settings: PageSettings) -> Brand:
    """
    :raises ConfigurationError: the file of the logo cannot be read, or is no logo.
    """
    accent = settings.accent
    return Brand(
        logo=_logo(settings.logo) if settings.logo and settings.has_account_pages else None,
        colors=Colors(accent.light, accent.on_light, accent.dark, accent.on_dark)
        if accent
        else None,
        links=settings.footer_links,
    )


def template_overrides(settings: PageSettings) -> list[Override]:
    """
    :raises ConfigurationError: a file cannot replace a template.
    """
    if settings.templates is None or not settings.has_account_pages:
        return []
    try:
        return read_overrides(settings.templates)
    except TemplateInvalid as error:
        raise ConfigurationError("PAGE_TEMPLATES", f"cannot be used: {error}") from None


def _logo(path: Path) -> Logo:
    try:
        return Logo.of(path.read_bytes())
    except OSError as error:
        raise ConfigurationError("BRAND_LOGO", f"cannot be read: {error.strerror}") from None
    except LogoInvalid as error:
        raise ConfigurationError("BRAND_LOGO", str(error)) from None
