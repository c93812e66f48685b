"""What pages say when a login at another provider has failed."""

from collections.abc import Collection

from api.web.translations import Texts
from domain.outcome import Outcome

_EVERYWHERE = frozenset(
    {
        Outcome.PROVIDER_REFUSED,
        Outcome.PROVIDER_UNAVAILABLE,
        Outcome.SOCIAL_FLOW_INVALID,
        Outcome.TOO_MANY_REQUESTS,
        Outcome.UNAVAILABLE,
        Outcome.NOT_FOUND,
    }
)
OF_LOGIN = _EVERYWHERE | {
    Outcome.EMAIL_UNVERIFIED,
    Outcome.INVALID_CREDENTIALS,
    Outcome.LINK_REQUIRED,
    Outcome.PROVIDER_EMAIL_UNVERIFIED,
    Outcome.REGISTRATION_CLOSED,
}


def problem_text(
    texts: Texts, problem: str | None, known: Collection[Outcome], page: str
) -> str | None:
    """Return the sentence about an outcome in the query of a page; ``None`` of any other text.

    :param page: whose own sentence comes first: ``login``, ``link`` or ``step_up``.
    """
    if problem not in known:
        return None
    own = f"social.{page}_problems.{problem}"
    return texts(own if texts.has(own) else f"social.problems.{problem}")


def cancelled_text(texts: Texts, problem: str | None) -> str | None:
    """Return what a visitor reads who has cancelled at the provider: that is no error."""
    return texts("social.cancelled") if problem == Outcome.PROVIDER_CANCELLED else None
