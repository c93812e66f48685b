"""What pages say when a login at another provider has failed, and the way to the provider."""

from collections.abc import Collection
from typing import Any

from litestar import Response

from api.json_request import JsonRequest
from api.security.flow_cookies import FlowCookies
from api.web.page import Pages
from api.web.translations import Texts
from application.social_login.begin import Begun
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
OF_LINK = _EVERYWHERE | {
    Outcome.EMAIL_UNVERIFIED,
    Outcome.IDENTITY_TAKEN,
    Outcome.INVALID_INPUT,
    Outcome.LAST_CREDENTIAL,
}
OF_STEP_UP = _EVERYWHERE | {Outcome.INVALID_CREDENTIALS}


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


def way_to_provider(
    request: JsonRequest, pages: Pages, begun: Begun, name: str, flow_cookies: FlowCookies
) -> Response[Any]:
    """Return the page from which the browser goes on to the provider, by itself or by its link.

    A redirect would not do: ``form-action`` of the page whose form was sent holds for it, too.

    :param name: of the provider.
    """
    label = pages.options.provider_label(name)
    page = pages.render(request, "way_to_provider", provider=label, address=begun.url)
    for cookie in flow_cookies.begun(request, begun):
        page.set_cookie(cookie)
    return page
