"""The parts of the authorization code flow that providers of both kinds have."""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from hashlib import sha256
from urllib.parse import urlencode

from application.ports import AuthorizationRequest, ProviderAnswer
from domain.email import Email
from domain.errors import InvalidInput, ProviderCancelled, ProviderRefused
from domain.user import parse_name
from infrastructure.signing import base64url

_LONGEST_CODE = 4096
_ACCESS_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
_ERRORS = {
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "invalid_request",
    "invalid_scope",
    "login_required",
    "redirect_uri_mismatch",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_response_type",
}
"""What may be in the log: others are texts of strangers."""


def authorization_url(
    endpoint: str, request: AuthorizationRequest, parameters: Mapping[str, str]
) -> str:
    """Return the URL of a flow, with PKCE (RFC 7636). A query of the endpoint stays."""
    digest = sha256(request.code_verifier.encode()).digest()
    query = {
        "response_type": "code",
        **parameters,
        "state": request.state,
        "code_challenge": base64url.encode(digest).decode(),
        "code_challenge_method": "S256",
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def code_of(answer: ProviderAnswer, issuers: Collection[str], *, is_issuer_needed: bool) -> str:
    """Return the code of an answer.

    :param issuers: what the answer may name as its issuer (RFC 9207, section 2.4).
    :raises ProviderCancelled: the person did not agree.
    :raises ProviderRefused: another provider may have answered, or it is an error.
    """
    if is_issuer_needed and answer.issuer is None:
        raise ProviderRefused("answer_issuer_missing")
    if answer.issuer is not None and answer.issuer not in issuers:
        raise ProviderRefused("answer_issuer_differs")
    if answer.error == "access_denied":
        raise ProviderCancelled
    if answer.error is not None:
        raise ProviderRefused(f"answer_{answer.error if answer.error in _ERRORS else 'error'}")
    if not answer.code or len(answer.code) > _LONGEST_CODE:
        raise ProviderRefused("answer_without_code")
    return answer.code


def bearer(token: object) -> dict[str, str]:
    """Return the header with an access token (RFC 6750).

    :raises ProviderRefused: it is none.
    """
    if not isinstance(token, str) or not _ACCESS_TOKEN.fullmatch(token):
        raise ProviderRefused("token_access_token_missing")
    return {"Authorization": f"Bearer {token}"}


def email_of(text: object) -> Email | None:
    """Return an address as a provider states it; ``None`` if it is none."""
    try:
        return Email.parse(text) if isinstance(text, str) else None
    except InvalidInput:
        return None


def name_of(*texts: object) -> str | None:
    """Return the first name that a user can have; ``None`` if there is none."""
    for text in texts:
        with suppress(InvalidInput):
            if isinstance(text, str):
                return parse_name(text)
    return None
