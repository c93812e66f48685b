"""The OpenAPI document is valid, is complete, and is true of every answer of a long journey."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from litestar import Litestar
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import RouteOptions, _routes
from api.security.cookies import CookieNames
from api.security.origin_policy import OriginPolicy
from application.ports import IdentityProviders, UserRepository
from domain.errors import AuthError, ProviderUnavailable, Unavailable
from domain.user import NO_PASSWORD
from infrastructure.config.settings import Settings
from tests.http.client import (
    A_PASSKEY,
    A_SESSION,
    A_USER,
    ADMIN_EMAIL,
    AN_IDENTITY,
    AUDIT,
    CHECK_RESET,
    CONFIRM_TOTP,
    EMAIL,
    FORGOT,
    HTTPS_ORIGIN,
    LOGIN,
    LOGOUT,
    ME,
    MY_ACTIVITY,
    MY_CODES,
    MY_EMAIL,
    MY_EXPORT,
    MY_FACTORS,
    MY_IDENTITIES,
    MY_PASSKEY_OPTIONS,
    MY_PASSKEYS,
    MY_PASSWORD,
    MY_TOTP,
    NEW_PASSWORD,
    NEW_USER,
    NO_SESSION,
    ORIGIN,
    PASSKEY_LOGIN,
    PASSKEY_OPTIONS,
    PROOF,
    REFRESH,
    REGISTER,
    REQUEST_PROOF,
    RESET,
    SECOND_FACTOR,
    SESSIONS,
    SOCIAL,
    SOCIAL_CALLBACK,
    SOCIAL_START,
    SOCIAL_TOKEN,
    STEP_UP,
    STEP_UP_SOCIAL,
    THEIR_FACTORS,
    THEIR_IDENTITIES,
    THEIR_IDENTITY,
    THEIR_PASSKEY,
    THEIR_PASSKEYS,
    THEIR_RESET,
    THEIR_SESSION,
    THEIR_SESSIONS,
    UNDO_EMAIL,
    UNKNOWN_USER,
    USERS,
    VERIFY,
    Client,
    bearer,
    code_at,
    filled,
    make_administrator,
    routes,
    stored_user,
)
from tests.http.conftest import ReadMail
from tests.http.faults import Faults
from tests.http.flows import APP, begin_flow, code_for_app, end_flow, state_of
from tests.http.social_login.conftest import linked_to
from tests.support.authenticator import Authenticator
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock
from tests.support.social_login import FakeProvider, an_account

pytestmark = pytest.mark.slow  # a journey through all routes

Document = dict[str, Any]
EVA = "eva@example.org"

_OPTIONS = {"challenge": "garbage", "user": {"id": ""}}
MADE, ASSERTED = Authenticator().create(_OPTIONS), Authenticator().get(_OPTIONS)

KEYS = "/.well-known/jwks.json"

STATUSES = {
    ("POST", REGISTER): {200, 202, 400, 403, 409, 413, 415, 429, 503},
    ("POST", LOGIN): {200, 400, 401, 403, 413, 415, 429, 503},
    ("POST", REFRESH): {200, 400, 401, 403, 413, 415, 429, 503},
    ("GET", REFRESH): {200, 401, 403, 429, 503},
    ("POST", LOGOUT): {200, 400, 401, 403, 413, 415, 503},
    ("GET", LOGOUT): {200, 401, 403, 503},
    ("POST", FORGOT): {202, 400, 413, 415, 501, 503},
    ("POST", RESET): {200, 400, 401, 413, 415, 429, 503},
    ("POST", CHECK_RESET): {200, 400, 413, 415, 429, 503},
    ("POST", UNDO_EMAIL): {200, 400, 413, 415, 429, 503},
    ("POST", REQUEST_PROOF): {202, 400, 413, 415, 501, 503},
    ("POST", PROOF): {200, 400, 401, 403, 413, 415, 429, 503},
    ("POST", SECOND_FACTOR): {200, 400, 413, 415, 429, 503},
    ("POST", STEP_UP): {200, 400, 401, 403, 413, 415, 429, 503},
    ("GET", MY_FACTORS): {200, 401, 503},
    ("POST", MY_TOTP): {200, 401, 403, 429, 501, 503},
    ("DELETE", MY_TOTP): {200, 401, 403, 404, 503},
    ("POST", CONFIRM_TOTP): {200, 400, 401, 403, 413, 415, 429, 501, 503},
    ("POST", MY_CODES): {200, 401, 403, 404, 429, 501, 503},
    ("POST", PASSKEY_OPTIONS): {200, 429, 503},
    ("POST", PASSKEY_LOGIN): {200, 400, 403, 413, 415, 429, 503},
    ("POST", MY_PASSKEY_OPTIONS): {200, 400, 401, 403, 429, 501, 503},
    ("POST", MY_PASSKEYS): {200, 400, 401, 403, 413, 415, 429, 501, 503},
    ("GET", MY_PASSKEYS): {200, 401, 503},
    ("PATCH", A_PASSKEY): {200, 400, 401, 403, 404, 413, 415, 429, 503},
    ("DELETE", A_PASSKEY): {200, 401, 403, 404, 409, 503},
    ("GET", THEIR_PASSKEYS): {200, 401, 403, 404, 503},
    ("DELETE", THEIR_PASSKEY): {200, 400, 401, 403, 404, 503},
    ("GET", SOCIAL): {200},
    ("GET", SOCIAL_START): {303, 400, 403, 404, 429, 503},
    ("GET", SOCIAL_CALLBACK): {303, 400, 401, 403, 404, 409, 429, 503},
    ("POST", SOCIAL_CALLBACK): {303, 400, 404, 413, 415},
    ("POST", SOCIAL_TOKEN): {200, 400, 401, 403, 409, 413, 415, 429, 503},
    ("POST", STEP_UP_SOCIAL): {200, 400, 401, 403, 404, 413, 415, 429, 503},
    ("GET", MY_IDENTITIES): {200, 401, 503},
    ("POST", MY_IDENTITIES): {200, 400, 401, 403, 409, 413, 415, 429, 503},
    ("POST", AN_IDENTITY): {200, 400, 401, 403, 404, 413, 415, 429, 503},
    ("DELETE", AN_IDENTITY): {200, 401, 403, 404, 409, 503},
    ("GET", THEIR_IDENTITIES): {200, 401, 403, 404, 503},
    ("DELETE", THEIR_IDENTITY): {200, 400, 401, 403, 404, 503},
    ("GET", VERIFY): {204, 400, 401, 403, 503},
    ("GET", ME): {200, 401, 503},
    ("GET", MY_EXPORT): {200, 401, 429, 503},
    ("PATCH", ME): {200, 400, 401, 403, 413, 415, 429, 503},
    ("DELETE", ME): {200, 400, 401, 403, 409, 413, 415, 429, 503},
    ("POST", MY_EMAIL): {202, 400, 401, 403, 413, 415, 429, 501, 503},
    ("POST", MY_PASSWORD): {200, 400, 401, 403, 413, 415, 429, 503},
    ("GET", MY_ACTIVITY): {200, 400, 401, 503},
    ("GET", SESSIONS): {200, 401, 503},
    ("DELETE", SESSIONS): {200, 400, 401, 403, 503},
    ("DELETE", A_SESSION): {200, 401, 403, 404, 503},
    ("GET", USERS): {200, 400, 401, 403, 503},
    ("POST", USERS): {201, 400, 401, 403, 409, 413, 415, 501, 503},
    ("GET", A_USER): {200, 401, 403, 404, 503},
    ("PATCH", A_USER): {200, 400, 401, 403, 404, 409, 413, 415, 503},
    ("DELETE", A_USER): {200, 400, 401, 403, 404, 409, 503},
    ("POST", THEIR_RESET): {202, 400, 401, 403, 404, 501, 503},
    ("DELETE", THEIR_FACTORS): {200, 400, 401, 403, 404, 503},
    ("GET", THEIR_SESSIONS): {200, 401, 403, 404, 503},
    ("DELETE", THEIR_SESSIONS): {200, 400, 401, 403, 404, 503},
    ("DELETE", THEIR_SESSION): {200, 400, 401, 403, 404, 503},
    ("GET", AUDIT): {200, 400, 401, 403, 503},
    ("GET", "/api/healthchecker"): {200},
    ("GET", "/health/live"): {200},
    ("GET", "/health/ready"): {200, 503},
    ("GET", KEYS): {200, 304, 503},
}
DOWN = Unavailable("users")
_USER_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SESSION_ID = re.compile(r"[0-9a-f]{32}")
LINK_PAGES = {"/reset", "/undo", "/verify", "/assets/{name}"}
UNDOCUMENTED = {
    *("/", "/openapi.json", "/docs", "/docs/start.js", "/.well-known/change-password"),
    *LINK_PAGES,
}

Security = list[dict[str, list[str]]]

PUBLIC = {
    ("POST", REGISTER),
    ("POST", LOGIN),
    ("POST", SECOND_FACTOR),
    ("POST", FORGOT),
    ("POST", RESET),
    ("POST", CHECK_RESET),
    ("POST", UNDO_EMAIL),
    ("POST", REQUEST_PROOF),
    ("POST", PROOF),
    ("POST", PASSKEY_OPTIONS),
    ("POST", PASSKEY_LOGIN),
    ("GET", SOCIAL),
    ("GET", SOCIAL_START),
    ("GET", SOCIAL_CALLBACK),
    ("POST", SOCIAL_CALLBACK),
    ("POST", SOCIAL_TOKEN),
    ("GET", "/api/healthchecker"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", KEYS),
}
ACCESS: Security = [{"bearer": []}, {"access_cookie": []}]
REFRESHING: Security = [{"refresh_cookie": []}, {}]


@pytest.fixture
def acme() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def identity_providers(acme: FakeProvider) -> IdentityProviders:
    return IdentityProviders((acme,))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With an application that exchanges codes."""
    return replace(settings, pages=replace(settings.pages, return_targets=frozenset({APP})))


@pytest.fixture
async def document(client: Client) -> Document:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return cast("Document", answer.json())


def operations(document: Document) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the operations by method and path, with a value for each parameter."""
    return {
        (method.upper(), filled(path)): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


async def test_the_document_is_valid(document: Document) -> None:
    assert document["openapi"].startswith("3.1.")
    assert [
        str(error) for error in OpenAPIV31SpecValidator(cast("Any", document)).iter_errors()
    ] == []


async def test_every_route_is_documented(document: Document, app: Litestar) -> None:
    there = {
        (method, path)
        for method, path, _ in routes(app)
        if path not in UNDOCUMENTED
        if not path.startswith(VERIFY) or (method, path) == ("GET", VERIFY)
    }

    assert set(operations(document)) == there


async def test_every_status_of_a_route_is_documented(document: Document) -> None:
    assert {
        route: {int(status) for status in operation["responses"]}
        for route, operation in operations(document).items()
    } == STATUSES


async def test_every_operation_has_a_description(document: Document) -> None:
    found = operations(document)
    tags = {tag["name"] for tag in document["tags"]}

    for operation in found.values():
        assert operation["summary"]
        assert operation["description"]
        assert set(operation["tags"]) <= tags
    assert len({operation["operationId"] for operation in found.values()}) == len(found)


async def test_get_is_deprecated_where_it_changes_something(document: Document) -> None:
    deprecated = {
        route for route, operation in operations(document).items() if operation["deprecated"]
    }

    assert deprecated == {("GET", REFRESH), ("GET", LOGOUT)}


@pytest.mark.parametrize(
    ("origin_policy", "prefix"),
    [(ORIGIN, ""), (HTTPS_ORIGIN, "__Host-")],
    indirect=["origin_policy"],
)
async def test_the_document_says_how_to_present_a_token(document: Document, prefix: str) -> None:
    schemes = document["components"]["securitySchemes"]
    for scheme in schemes.values():
        assert scheme.pop("description")

    assert schemes == {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "access_cookie": {"type": "apiKey", "in": "cookie", "name": f"{prefix}access_token"},
        "refresh_cookie": {"type": "apiKey", "in": "cookie", "name": f"{prefix}refresh_token"},
    }
    assert {route: operation["security"] for route, operation in operations(document).items()} == {
        route: [] for route in PUBLIC
    } | {
        ("GET", VERIFY): ACCESS,
        ("GET", ME): ACCESS,
        ("GET", MY_EXPORT): ACCESS,
        ("PATCH", ME): ACCESS,
        ("DELETE", ME): ACCESS,
        ("POST", STEP_UP): ACCESS,
        ("GET", MY_FACTORS): ACCESS,
        ("POST", MY_TOTP): ACCESS,
        ("DELETE", MY_TOTP): ACCESS,
        ("POST", CONFIRM_TOTP): ACCESS,
        ("POST", MY_CODES): ACCESS,
        ("POST", MY_PASSKEY_OPTIONS): ACCESS,
        ("POST", MY_PASSKEYS): ACCESS,
        ("GET", MY_PASSKEYS): ACCESS,
        ("PATCH", A_PASSKEY): ACCESS,
        ("DELETE", A_PASSKEY): ACCESS,
        ("GET", THEIR_PASSKEYS): ACCESS,
        ("DELETE", THEIR_PASSKEY): ACCESS,
        ("POST", STEP_UP_SOCIAL): ACCESS,
        ("GET", MY_IDENTITIES): ACCESS,
        ("POST", MY_IDENTITIES): ACCESS,
        ("POST", AN_IDENTITY): ACCESS,
        ("DELETE", AN_IDENTITY): ACCESS,
        ("GET", THEIR_IDENTITIES): ACCESS,
        ("DELETE", THEIR_IDENTITY): ACCESS,
        ("POST", MY_PASSWORD): ACCESS,
        ("POST", MY_EMAIL): ACCESS,
        ("GET", MY_ACTIVITY): ACCESS,
        ("GET", SESSIONS): ACCESS,
        ("DELETE", SESSIONS): ACCESS,
        ("DELETE", A_SESSION): ACCESS,
        ("GET", USERS): ACCESS,
        ("POST", USERS): ACCESS,
        ("GET", A_USER): ACCESS,
        ("PATCH", A_USER): ACCESS,
        ("DELETE", A_USER): ACCESS,
        ("POST", THEIR_RESET): ACCESS,
        ("DELETE", THEIR_FACTORS): ACCESS,
        ("GET", THEIR_SESSIONS): ACCESS,
        ("DELETE", THEIR_SESSIONS): ACCESS,
        ("DELETE", THEIR_SESSION): ACCESS,
        ("GET", AUDIT): ACCESS,
        ("GET", REFRESH): REFRESHING,
        ("POST", REFRESH): REFRESHING,
        ("GET", LOGOUT): ACCESS + REFRESHING,
        ("POST", LOGOUT): ACCESS + REFRESHING,
    }


async def test_operation_ids_are_short_and_stable(document: Document) -> None:
    """Generated clients name their methods after them."""
    assert {operation["operationId"] for operation in operations(document).values()} == {
        *("register", "login", "refresh", "refreshByGet", "logout", "logoutByGet", "verify"),
        *("getAccount", "changeProfile", "deleteAccount", "exportAccount", "changePassword"),
        *("listActivity", "listSessions", "endSession", "endSessions", "listUsers", "showUser"),
        *("changeUser", "deleteUser", "listUserSessions", "endUserSessions", "listAuditEvents"),
        "endUserSession",
        "inviteUser",
        *("forgotPassword", "resetPassword", "checkPasswordReset", "sendPasswordReset"),
        *("completeLogin", "getSecondFactors", "proposeTotp", "confirmTotp", "removeTotp"),
        "renewRecoveryCodes",
        *("stepUp", "resetSecondFactors", "requestEmailChange", "undoEmailChange"),
        *("requestVerification", "verifyEmail"),
        *("beginPasskeyUse", "logInWithPasskey", "beginPasskey", "addPasskey", "listPasskeys"),
        *("renamePasskey", "removePasskey", "listUserPasskeys", "removeUserPasskey"),
        *("listProviders", "beginSocialLogin", "finishFlow", "forwardCallback"),
        *("logInWithCode", "beginStepUp", "listIdentities", "linkWithCode", "beginLink"),
        *("unlinkIdentity", "listUserIdentities", "unlinkUserIdentity"),
        *("greet", "checkLiveness", "checkReadiness", "listKeys"),
    }


async def test_every_body_is_described(document: Document) -> None:
    schemas = document["components"]["schemas"].values()
    assert all(schema["description"] for schema in schemas if schema["type"] == "object")
    for operation in operations(document).values():
        for response in operation["responses"].values():
            assert not response["description"].startswith("Request fulfilled")


async def test_no_schema_is_a_choice_of_one(document: Document) -> None:
    def choices(node: Any) -> list[list[Any]]:
        below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        found = [node["oneOf"]] if isinstance(node, dict) and "oneOf" in node else []
        return found + [each for part in below for each in choices(part)]

    assert all(len(each) > 1 for each in choices(document))


async def test_no_schema_has_two_spellings_of_a_member(document: Document) -> None:
    """Code generators make one name of both."""
    for schema in document["components"]["schemas"].values():
        names = [name.replace("_", "").lower() for name in schema.get("properties", {})]
        assert len(names) == len(set(names))


async def test_limits_and_formats_are_documented(document: Document) -> None:
    schemas = document["components"]["schemas"]
    members = schemas["Registration"]["properties"]

    assert (members["name"]["minLength"], members["name"]["maxLength"]) == (1, 100)
    assert (members["email"]["format"], members["email"]["maxLength"]) == ("idn-email", 255)
    for password in (
        members["password"],
        schemas["PasswordChange"]["properties"]["new_password"],
        schemas["PasswordReset"]["properties"]["password"],
    ):
        assert (password["minLength"], password["maxLength"]) == (8, 256)


def test_the_configured_minimum_of_a_password_is_documented() -> None:
    document = _routes(
        CookieNames.under(OriginPolicy(ORIGIN)), RouteOptions(shortest_password=15)
    ).openapi_schema.to_schema()

    password = document["components"]["schemas"]["Registration"]["properties"]["password"]
    assert password["minLength"] == 15


async def test_bodies_that_refuse_unknown_members_say_so(document: Document) -> None:
    schemas = document["components"]["schemas"]

    assert {
        name for name, schema in schemas.items() if schema.get("additionalProperties") is False
    } == {
        *("ProfileChange", "NewUser", "UserChange", "PasswordChange", "PasswordConfirmation"),
        *("ForgottenPassword", "LinkToken", "PasswordReset", "EmailChange"),
        *("EmailProof", "VerificationRequest", "StepUpRequest"),
        *("SecondFactorLogin", "TotpCode"),
        *("NewPasskey", "PasskeyLogin", "PasskeyName"),
        *("FlowRequest", "LinkCode", "LoginCode"),
    }


@pytest.mark.parametrize("path", [REFRESH, LOGOUT])
async def test_the_first_example_of_a_body_works_with_cookies(
    client: Client, document: Document, path: str
) -> None:
    """ "Execute" in /docs sends it."""
    await client.sign_up()
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    first = next(iter(body["examples"].values()))

    answer = await client.post(path, json=first["value"])

    assert answer.status_code == 200


async def test_cookies_are_documented_where_they_are_set(document: Document) -> None:
    assert {
        route
        for route, operation in operations(document).items()
        if "Set-Cookie" in operation["responses"].get("200", {}).get("headers", {})
    } == {
        ("POST", REGISTER),
        ("POST", LOGIN),
        ("POST", REFRESH),
        ("GET", REFRESH),
        ("POST", LOGOUT),
        ("GET", LOGOUT),
        ("POST", STEP_UP),
        ("POST", SECOND_FACTOR),
        ("POST", CONFIRM_TOTP),
        ("DELETE", MY_TOTP),
        ("POST", PASSKEY_LOGIN),
        ("POST", MY_PASSKEYS),
        ("DELETE", A_PASSKEY),
        ("POST", SOCIAL_TOKEN),
        ("POST", STEP_UP_SOCIAL),
        ("POST", AN_IDENTITY),
        ("DELETE", AN_IDENTITY),
        ("POST", MY_PASSWORD),
        ("DELETE", ME),
        ("DELETE", SESSIONS),
        ("DELETE", A_SESSION),
    }


async def test_a_body_is_required_where_it_is_needed(document: Document) -> None:
    required = {
        route: operation["requestBody"]["required"]
        for route, operation in operations(document).items()
        if "requestBody" in operation
    }

    assert required == {
        ("POST", REGISTER): True,
        ("POST", LOGIN): True,
        ("POST", REFRESH): False,
        ("POST", LOGOUT): False,
        ("POST", FORGOT): True,
        ("POST", RESET): True,
        ("POST", CHECK_RESET): True,
        ("POST", UNDO_EMAIL): True,
        ("POST", REQUEST_PROOF): True,
        ("POST", PROOF): True,
        ("POST", STEP_UP): True,
        ("POST", SECOND_FACTOR): True,
        ("POST", CONFIRM_TOTP): True,
        ("POST", PASSKEY_LOGIN): True,
        ("POST", MY_PASSKEYS): True,
        ("POST", SOCIAL_CALLBACK): True,
        ("POST", SOCIAL_TOKEN): True,
        ("POST", STEP_UP_SOCIAL): False,
        ("POST", MY_IDENTITIES): True,
        ("POST", AN_IDENTITY): False,
        ("PATCH", A_PASSKEY): True,
        ("POST", MY_PASSWORD): True,
        ("POST", MY_EMAIL): True,
        ("PATCH", ME): True,
        ("DELETE", ME): False,
        ("POST", USERS): True,
        ("PATCH", A_USER): True,
    }


async def test_what_can_be_asked_is_documented(document: Document) -> None:
    """Of the parameters in the path the path itself tells."""
    asked = {
        route: {each["name"] for each in operation["parameters"] if each["in"] == "query"}
        for route, operation in operations(document).items()
        if "parameters" in operation
    }

    assert {route: names for route, names in asked.items() if names} == {
        ("GET", MY_ACTIVITY): {"after", "limit"},
        ("GET", VERIFY): {"level"},
        ("DELETE", SESSIONS): {"all"},
        ("GET", USERS): {"email", "name", "role", "disabled", "after", "limit"},
        ("GET", AUDIT): {"user", "actor", "what", "outcome", "since", "until", "after", "limit"},
        **{
            ("DELETE", path): {"reason"}
            for path in (
                *(A_USER, THEIR_SESSIONS, THEIR_SESSION, THEIR_FACTORS, THEIR_PASSKEY),
                THEIR_IDENTITY,
            )
        },
        ("POST", THEIR_RESET): {"reason"},
        ("GET", SOCIAL_START): {
            *("return_to", "code_challenge", "code_challenge_method", "state", "fresh")
        },
        ("GET", SOCIAL_CALLBACK): {"code", "state", "iss", "error"},
    }


async def test_every_example_fits_its_schema(document: Document) -> None:
    found = 0
    for operation in operations(document).values():
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                for example in content.get("examples", {}).values():
                    validator(document, content["schema"]).validate(example["value"])
                    found += 1
    assert found > 20


def validator(document: Document, schema: Document) -> Any:
    """Strict: a member that is not documented is an error."""
    schemas = {
        name: each | {"additionalProperties": False}
        for name, each in document["components"]["schemas"].items()
    }
    whole = schema | {"components": {"schemas": schemas}}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def check(document: Document, answer: httpx.Response) -> tuple[str, str, int]:
    """Check an answer against the document."""
    request = answer.request
    path = _SESSION_ID.sub(NO_SESSION, _USER_ID.sub(UNKNOWN_USER, request.url.path))
    path = re.sub("nothing", "acme", path, flags=re.IGNORECASE)
    path = path.replace(f"{MY_IDENTITIES}/acme", AN_IDENTITY)
    route = (request.method, path)
    response = operations(document)[route]["responses"][str(answer.status_code)]
    if answer.content:
        schema = response["content"][answer.headers["content-type"]]["schema"]
        validator(document, schema).validate(answer.json())
    else:
        assert "content" not in response
    for name, header in response.get("headers", {}).items():
        if name in {"Set-Cookie", "Clear-Site-Data"} and name not in answer.headers:
            continue  # not with bearer transport, and not if it is another session that ends
        validator(document, header["schema"]).validate(answer.headers[name])
    return *route, answer.status_code


async def test_every_answer_of_a_journey_is_as_documented(
    client: Client,
    clock: SettableClock,
    faults: Faults,
    users: UserRepository,
    read_mail: ReadMail,
    document: Document,
    acme: FakeProvider,
) -> None:
    answers: list[httpx.Response] = []

    async def note(answer: httpx.Response) -> None:
        await answer.aread()
        answers.append(answer)

    client.event_hooks["response"].append(note)
    await journey(client, clock, faults)
    await verify_address(client, read_mail)
    await reset_password(client, read_mail)
    await second_factor(client, read_mail, clock)
    await passkeys(client, users)
    await change_email(client, read_mail)
    await social_login(client, users, acme)
    await administration(client, users)
    await store_down(client, faults)

    met = {check(document, answer) for answer in answers}
    met.add(("GET", KEYS, 503))  # which these read-only keys never give
    met.add(("POST", REGISTER, 403))  # see test_closed_registration.py
    met |= {("POST", REGISTER, 202), ("POST", REQUEST_PROOF, 501)}  # test_email_verification.py
    met.add(("POST", LOGIN, 403))  # likewise
    # see test_authenticator_apps.py
    met |= {("POST", each, 501) for each in (MY_TOTP, CONFIRM_TOTP, MY_CODES)}
    met |= {("GET", VERIFY, 400), ("GET", VERIFY, 403)}  # likewise
    met |= {("POST", FORGOT, 501), ("POST", THEIR_RESET, 501)}  # see test_password_reset.py
    met.add(("POST", USERS, 501))  # see test_invitations.py
    met.add(("POST", MY_EMAIL, 501))  # see test_email_change.py
    met.add(("POST", PASSKEY_LOGIN, 403))  # see test_passkeys.py
    met |= {("POST", MY_PASSKEYS, 501), ("POST", MY_PASSKEY_OPTIONS, 501)}  # likewise
    met.add(("POST", MY_PASSKEY_OPTIONS, 400))  # too many passkeys
    met |= {("POST", each, 503) for each in (PASSKEY_OPTIONS, PASSKEY_LOGIN)}  # challenges
    met.add(("GET", SOCIAL_CALLBACK, 404))  # the provider was removed meanwhile
    # see social_login/test_second_factor.py
    met |= {("GET", SOCIAL_CALLBACK, 401), ("POST", SOCIAL_TOKEN, 401)}
    documented = {(*route, status) for route, statuses in STATUSES.items() for status in statuses}
    assert documented - met == set()


async def journey(client: Client, clock: SettableClock, faults: Faults) -> None:
    """Past every documented status of every route."""
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    await client.get(KEYS, headers={"If-None-Match": "*"})
    for _ in range(2):
        await client.register()
    await client.log_in(password="another one")
    tokens = await client.obtain_tokens()
    for method, path in STATUSES:
        clock.advance(timedelta(seconds=30))  # or all these logins use up the limit
        client.cookies.clear()
        await client.request(method, path, headers=bearer("garbage"))
        await client.log_in()
        if method != "GET":
            await bad_bodies(client, method, path)
            await client.request(method, path, json=body_for(method, path, token="garbage"))
        await client.register()  # one of these routes has deleted them
        for headers in ({}, elsewhere):
            await client.log_in()
            await client.request(method, path, headers=headers)
    await client.get(REFRESH, headers={"Cookie": "refresh_token=garbage"})
    await client.log_in()
    clock.advance(timedelta(minutes=1))
    await client.refresh(tokens["refresh_token"])
    for new in ("short", NEW_PASSWORD, NEW_PASSWORD):  # the third time the current one is wrong
        await client.change_password(new=new)
    await client.log_in(password=NEW_PASSWORD)
    await client.step_up(password=NEW_PASSWORD)
    await client.get(MY_EXPORT)
    faults.is_full = True
    await every_route(client, 429)
    faults.is_full = False


async def verify_address(client: Client, read_mail: ReadMail) -> None:
    await read_mail()
    await client.post(REQUEST_PROOF, json={"email": EMAIL})
    [letter] = await read_mail()
    ambiguous = [("Authorization", "Bearer one"), ("Authorization", "Bearer two")]
    await client.post(PROOF, json={"token": letter.token}, headers=ambiguous)
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    await client.post(PROOF, json={"token": letter.token}, headers=elsewhere)
    await client.post(PROOF, json={"token": letter.token})


async def reset_password(client: Client, read_mail: ReadMail) -> None:
    await read_mail()
    await client.post(FORGOT, json={"email": EMAIL})
    [letter] = await read_mail()
    await client.post(CHECK_RESET, json={"token": letter.token})
    await client.post(RESET, json={"token": letter.token, "password": NEW_PASSWORD})


async def second_factor(client: Client, read_mail: ReadMail, clock: SettableClock) -> None:
    """Add an authenticator app, use it for a login and a reset, and remove it."""
    await client.log_in(password=NEW_PASSWORD)
    await client.step_up(password=NEW_PASSWORD)
    for method, path in (("DELETE", MY_TOTP), ("POST", MY_CODES)):
        await client.request(method, path)
    secret = (await client.post(MY_TOTP)).json()["secret"]
    await client.post(CONFIRM_TOTP, json={"code": "000000"})
    enrolled = await client.post(CONFIRM_TOTP, json={"code": code_at(secret, clock())})
    await client.post(MY_CODES)
    clock.advance(timedelta(seconds=30))
    refused = await client.log_in(password=NEW_PASSWORD)
    await client.answer_challenge(refused, code_at(secret, clock()))
    await read_mail()
    await client.post(FORGOT, json={"email": EMAIL})
    tokens = {letter.kind.value: letter.token for letter in await read_mail()}
    body = {"token": tokens["password_reset"], "password": NEW_PASSWORD}
    await client.post(RESET, json=body)
    clock.advance(timedelta(seconds=30))
    code = {"method": "totp", "code": code_at(secret, clock())}
    await client.post(STEP_UP, json=code)
    assert (await client.delete(MY_TOTP)).status_code == 200
    assert enrolled.status_code == 200


async def change_email(client: Client, read_mail: ReadMail) -> None:
    await read_mail()
    await client.log_in(password=NEW_PASSWORD)
    body = {"email": "new@example.org", "password": NEW_PASSWORD}
    await client.post(MY_EMAIL, json=body)
    tokens = {letter.kind.value: letter.token for letter in await read_mail()}
    await client.post(PROOF, json={"token": tokens["email_change"]})
    await client.post(UNDO_EMAIL, json={"token": tokens["email_change_requested"]})


async def passkeys(client: Client, users: UserRepository) -> None:
    """Add a passkey, use, rename and remove it; and meet all refusals."""
    await client.log_in(password=NEW_PASSWORD)
    await client.post(MY_PASSKEY_OPTIONS)
    await client.step_up(password=NEW_PASSWORD)
    device = Authenticator()
    options = (await client.post(MY_PASSKEY_OPTIONS)).json()["options"]
    made = device.create(options)
    await client.post(MY_PASSKEYS, json={"credential": made, "name": ""})
    added = await client.post(MY_PASSKEYS, json={"credential": made, "name": "Key"})
    [mine] = (await client.get(MY_PASSKEYS)).json()["data"]["passkeys"]
    path = f"{MY_PASSKEYS}/{mine['id']}"
    await client.patch(path, json={"name": "Phone"})
    await client.patch(path, json={"name": ""})
    await client.patch(A_PASSKEY, json={"name": "Phone"})
    await client.delete(A_PASSKEY)
    user = await stored_user(users, EMAIL)
    kept = user.password_hash
    await users.replace(user, replace(user, password_hash=NO_PASSWORD, verified=False))
    for status in (409, 200):
        options = (await client.post(PASSKEY_OPTIONS)).json()["options"]
        await client.post(PASSKEY_LOGIN, json={"credential": device.get(options)})
        options = (await client.post(PASSKEY_OPTIONS)).json()["options"]
        await client.post(STEP_UP, json={"credential": device.get(options)})
        assert (await client.delete(path)).status_code == status
        user = await stored_user(users, EMAIL)
        await users.replace(user, replace(user, verified=True))
    user = await stored_user(users, EMAIL)
    await users.replace(user, replace(user, password_hash=kept))
    assert added.status_code == 200


async def social_login(client: Client, users: UserRepository, acme: FakeProvider) -> None:
    """Log in at another provider, link and unlink; and meet all refusals."""
    client.cookies.clear()
    mary, known, eva = (
        an_account(email, subject=email) for email in ("mary2@example.org", EMAIL, EVA)
    )
    unverified = an_account("x@example.org", subject="x", is_email_verified=False)
    await client.get(SOCIAL_START, params={"state": "without an application"})
    await client.get(f"{SOCIAL}/nothing/start")
    await client.get(SOCIAL_START, headers={"Sec-Fetch-Dest": "image"})
    for form in ({"state": "a" * 101}, {"state": "x" * 20_000}, {"state": "a"}):
        await client.post(SOCIAL_CALLBACK, data=form)
    await client.post(f"{SOCIAL}/NOTHING/callback", data={"state": "a"})
    user = await stored_user(users)
    assert (await users.replace(user, replace(user, verified=True))).changed
    for account in (ProviderUnavailable("timeout"), unverified, known, mary, eva):
        acme.says = account
        await end_flow(client, await begin_flow(client))
        if not isinstance(account, AuthError):
            await client.post(SOCIAL_TOKEN, json=await code_for_app(client))
    acme.failure = ProviderUnavailable("timeout")
    await client.get(SOCIAL_START)
    acme.failure = None
    for path in (STEP_UP_SOCIAL, f"{MY_IDENTITIES}/acme"):
        await client.post(path, json={"return_to": "//evil.example"})
        await client.post(path.replace("acme", "nothing"))
        await end_flow(client, state_of(await client.post(path)))
        await client.post(path.replace("acme", "nothing"))
    await client.post(MY_IDENTITIES, json=await code_for_app(client))
    acme.says = mary
    await client.post(MY_IDENTITIES, json=await code_for_app(client))
    await client.delete(AN_IDENTITY)
    [mine] = (await client.get(MY_IDENTITIES)).json()["data"]["identities"]
    for verified in (False, True):
        user = await stored_user(users, EVA)
        assert (await users.replace(user, replace(user, verified=verified))).changed
        await client.post(f"{MY_IDENTITIES}/acme")
        await client.delete(f"{MY_IDENTITIES}/{mine['id']}")


async def bad_bodies(client: Client, method: str, path: str) -> None:
    json, text = {"Content-Type": "application/json"}, {"Content-Type": "text/plain"}
    await client.request(method, path, content=b"{", headers=json)
    await client.request(method, path, content=b"{}", headers=text)
    await client.request(method, path, content=b" " * 20_000, headers=json)


async def administration(client: Client, users: UserRepository) -> None:
    """Request all that only an administrator may see."""
    client.cookies.clear()
    eve = (await client.register("eve@example.org")).json()["data"]["user"]["id"]
    her = f"{USERS}/{eve}"
    identity = await linked_to(users, await stored_user(users, "eve@example.org"))
    await client.log_in("eve@example.org")
    await client.step_up()
    options = (await client.post(MY_PASSKEY_OPTIONS)).json()["options"]
    added = await client.post(MY_PASSKEYS, json={"credential": Authenticator().create(options)})
    passkey_id = added.json()["data"]["passkey"]["id"]
    session_id = (await client.get(SESSIONS)).json()["data"]["sessions"][0]["id"]
    client.cookies.clear()
    await client.sign_up(ADMIN_EMAIL)
    me = f"{USERS}/{(await make_administrator(users)).id}"
    for path in (USERS, AUDIT, MY_ACTIVITY):
        await client.get(path)
        await client.get(path, params={"limit": 0})
    await client.step_up()
    for user in (A_USER, her):
        await client.get(user)
        await client.get(f"{user}/passkeys")
        await client.get(f"{user}/identities")
        await client.delete(f"{user}/sessions/{session_id}")
        await client.delete(f"{user}/passkeys/{passkey_id}")
        await client.delete(f"{user}/second-factors")
        await client.delete(f"{user}/identities/{identity.id}")
        await client.get(f"{user}/sessions")
        await client.patch(user, json={"disabled": True})
        await client.delete(f"{user}/sessions")
        await client.post(f"{user}/password-reset")
        await client.delete(user)
    await bad_bodies(client, "PATCH", A_USER)
    await bad_bodies(client, "POST", USERS)
    for _ in range(2):
        await client.post(USERS, json=body_for("POST", USERS))
    empty = {"reason": ""}
    for path in (
        *(A_USER, THEIR_SESSIONS, THEIR_SESSION, THEIR_FACTORS, THEIR_PASSKEY, THEIR_IDENTITY),
    ):
        await client.delete(path, params=empty)
    await client.post(THEIR_RESET, params=empty)
    await client.patch(me, json={"role": "user"})
    await client.delete(me)
    await client.request("DELETE", ME, json={"password": PASSWORD})
    [session] = (await client.get(SESSIONS)).json()["data"]["sessions"]
    await client.delete(SESSIONS, params={"all": "perhaps"})
    await client.delete(f"{SESSIONS}/{session['id']}")


async def store_down(client: Client, faults: Faults) -> None:
    await client.log_in(ADMIN_EMAIL)
    code = await code_for_app(client)
    faults.users = faults.sessions = DOWN
    await every_route(client, 503)
    await client.post(SOCIAL_TOKEN, json=code)


async def every_route(client: Client, status: int) -> None:
    """Request each route that can answer like this."""
    for (method, path), statuses in STATUSES.items():
        if status in statuses:
            body = body_for(method, path) if method != "GET" else None
            await client.request(method, path, json=body)


def body_for(method: str, path: str, token: str | None = None) -> dict[str, Any]:
    """Return a body that the route takes: some refuse members that are not theirs."""
    strict: dict[tuple[str, str], dict[str, Any]] = {
        ("PATCH", ME): {"name": "Ada King"},
        ("POST", USERS): {"name": "Mary", "email": "mary@example.org"},
        ("PATCH", A_USER): {"disabled": True},
        ("DELETE", ME): {"password": PASSWORD},
        ("POST", FORGOT): {"email": EMAIL},
        ("POST", RESET): {"token": "garbage", "password": NEW_PASSWORD},
        ("POST", CHECK_RESET): {"token": "garbage"},
        ("POST", UNDO_EMAIL): {"token": "garbage"},
        ("POST", MY_EMAIL): {"email": "new@example.org", "password": "wrong one"},
        ("POST", REQUEST_PROOF): {"email": "grace@example.org"},  # the others use up the limit
        ("POST", PROOF): {"token": "garbage"},
        ("POST", STEP_UP): {"password": "wrong one"},
        ("POST", SECOND_FACTOR): {"challenge": "garbage", "method": "totp", "code": "000000"},
        ("POST", CONFIRM_TOTP): {"code": "000000"},
        ("POST", PASSKEY_LOGIN): {"credential": ASSERTED},
        ("POST", MY_PASSKEYS): {"credential": MADE},
        ("PATCH", A_PASSKEY): {"name": "Phone"},
        ("POST", SOCIAL_TOKEN): {"code": "garbage", "code_verifier": "garbage"},
        ("POST", MY_IDENTITIES): {"code": "garbage", "code_verifier": "garbage"},
        ("POST", STEP_UP_SOCIAL): {},
        ("POST", AN_IDENTITY): {},
        ("POST", MY_PASSWORD): {"current_password": "wrong one", "new_password": PASSWORD},
    }
    return strict.get((method, path), NEW_USER | {"refresh_token": token})
