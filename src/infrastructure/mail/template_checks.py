"""The checks of templates, at the start: a mistake is not to be noticed when a mail is needed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.mail.message import MailKind
from infrastructure.mail.rendering import FACTS, Templates, wrong_template
from infrastructure.mail.template_engine import TemplateFault, explain

_SECRET = "sample-of-a-token"  # noqa: S105 - no secret
_TIME = datetime(2026, 1, 31, 12, tzinfo=UTC)
_SAMPLE: Mapping[str, Any] = {
    "service": "Example",
    "url": "https://example.com",
    "to": "ada@example.com",
    "reply_to": "help@example.com",
    "link": f"https://example.com/page#token={_SECRET}",
    "created_at": _TIME,
    "expires_at": _TIME,
}
_ALL_FACTS = {name for facts in FACTS.values() for name in facts}
_OF_HTML = {"subject", "paragraphs"}
_WITH_LINK = {
    MailKind.PASSWORD_RESET,
    MailKind.INVITATION,
    MailKind.EMAIL_VERIFICATION,
    MailKind.EMAIL_CHANGE,
    MailKind.EMAIL_CHANGE_REQUESTED,
    MailKind.EMAIL_CHANGED,
}


def check_templates(templates: Templates) -> None:
    """Compile all templates, and render each kind in each language with samples.

    :raises ConfigurationError: one cannot be read, is not valid, uses an unknown variable,
        shows the link in its subject or lacks it in its text.
    """
    for (_, file), path in templates.files.items():
        try:
            templates.engine.check(path, _variables(file))
        except TemplateFault as fault:
            raise wrong_template(path, str(fault)) from None
    for language in sorted({language for language, _ in templates.files if language}):
        for kind in MailKind:
            _render(templates, kind, language)


def _variables(file: str) -> set[str] | None:
    if file.startswith("_"):
        return None  # the template that includes it may set others
    kind = file.rpartition(".")[0]
    facts = set(FACTS.get(MailKind(kind), {})) if kind in set(MailKind) else _ALL_FACTS
    return {*_SAMPLE, *facts, "language"} | (_OF_HTML if file.endswith(".html") else set())


def _render(templates: Templates, kind: MailKind, language: str) -> None:
    path = templates.path(kind, language)
    for facts in ({}, FACTS.get(kind, {})):
        try:
            wording = templates.render(kind, language, {**_SAMPLE, **facts})
        except Exception as error:  # noqa: BLE001 - a template may raise anything
            raise wrong_template(path, explain(error)) from None
        if _SECRET in wording.subject:  # the log has subjects
            raise wrong_template(path, "which has the link in its subject")
        if kind in _WITH_LINK and _SECRET not in wording.text:
            raise wrong_template(path, "which lacks the link: {{ link }}")
