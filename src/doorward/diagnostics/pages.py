"""The checks of pages: their brand, and the files that replace their templates."""

import structlog

from api.web.overrides.templates import Origin
from doorward.diagnostics.finding import Verdict
from doorward.wiring.pages import brand, overrides
from infrastructure.config.settings import Settings

log = structlog.stdlib.get_logger("doorward")

_EVENTS = {
    Origin.CHANGED: "page_template_outdated",
    Origin.UNKNOWN: "page_template_unmarked",
}
_STATES = {
    Origin.CURRENT: "",
    Origin.CHANGED: " (the original has changed since)",
    Origin.UNKNOWN: " (whether the original has changed since is unknown)",
}


def require_pages(settings: Settings) -> None:
    """Require a usable brand and usable templates, and log which originals have changed.

    :raises ConfigurationError: a file of the operator cannot be used.
    """
    brand(settings.pages)
    for each in overrides(settings.pages).templates:
        if event := _EVENTS.get(each.origin):
            log.warning(event, template=each.name, path=str(each.path))


async def check_pages(settings: Settings) -> tuple[Verdict, str]:
    """List the files that replace templates and texts.

    :raises ConfigurationError: as :func:`require_pages`.
    """
    brand(settings.pages)
    found = overrides(settings.pages)
    replaced = ", ".join(f"{each.name}{_STATES[each.origin]}" for each in found.templates)
    parts = {"replaced templates": replaced, "own texts": ", ".join(found.languages)}
    listed = "; ".join(f"{name}: {text}" for name, text in parts.items() if text)
    is_current = all(each.origin is Origin.CURRENT for each in found.templates)
    if not settings.pages.has_account_pages:
        listed = "; ".join(filter(None, ["off, but for the links in mails", listed]))
        return "info" if is_current else "warn", listed
    return "ok" if is_current else "warn", listed or f"at {settings.http.url}/login"
