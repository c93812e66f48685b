"""Every error is JSON of one form, or RFC 9457 if asked for, and says no more than it must."""

from collections.abc import Iterator

import pytest

from api.problems.answers import ANSWERS, answer_to
from domain.errors import AuthError, RefreshTokenReused, TokenRejected, Unavailable
from tests.http.client import Client
from tests.http.failing_requests import FAILING_REQUESTS, SECRET, FailingRequest
from tests.http.faults import Faults

each_mistake = pytest.mark.parametrize(
    "failing_request", FAILING_REQUESTS.values(), ids=FAILING_REQUESTS
)


@each_mistake
async def test_an_error_has_status_message_and_code(
    client: Client, faults: Faults, failing_request: FailingRequest
) -> None:
    answer = await failing_request.make(client, faults)

    assert answer.status_code == failing_request.status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "status": "fail" if failing_request.status < 500 else "error",
        "message": failing_request.message,
        "code": failing_request.code,
    } | ({"errors": failing_request.problems} if failing_request.problems else {})


@each_mistake
@pytest.mark.parametrize(
    "accepted",
    [
        "application/problem+json",
        "APPLICATION/PROBLEM+JSON",
        "application/problem+json, application/json;q=0.9",
    ],
)
async def test_clients_that_accept_problem_details_get_the_same_facts(
    client: Client, faults: Faults, failing_request: FailingRequest, accepted: str
) -> None:
    plain = await failing_request.make(client, faults)

    answer = await failing_request.make(client, faults, {"Accept": accepted})

    assert answer.status_code == failing_request.status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": plain.reason_phrase,
        "status": failing_request.status,
        "detail": failing_request.message,
        "code": failing_request.code,
    } | ({"errors": failing_request.problems} if failing_request.problems else {})
    unlike = {"x-request-id", "content-type", "content-length"}
    for name in (set(plain.headers) | set(answer.headers)) - unlike:
        assert answer.headers.get(name) == plain.headers.get(name)


@pytest.mark.parametrize("accepted", ["*/*", "application/json", "text/html", "", "nonsense"])
async def test_other_accept_headers_get_json(client: Client, accepted: str) -> None:
    answer = await client.get("/nothing/here", headers={"Accept": accepted})

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["status"] == "fail"


@pytest.mark.parametrize("accepted", ["*/*", "application/problem+json"])
async def test_an_internal_error_reveals_no_details(
    client: Client, faults: Faults, accepted: str
) -> None:
    answer = await FAILING_REQUESTS["our fault"].make(client, faults, {"Accept": accepted})

    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert "RuntimeError" not in answer.text
    assert SECRET not in str(answer.headers)


@pytest.mark.parametrize("store", ["users", "sessions"])
async def test_a_store_that_is_down_is_a_503_on_every_route_that_needs_it(
    client: Client, faults: Faults, store: str
) -> None:
    tokens = await client.obtain_tokens()
    setattr(faults, store, Unavailable(store))

    answers = {
        "me": await client.me(tokens["access_token"]),
        "login": await client.log_in(),
        "refresh": await client.refresh(tokens["refresh_token"]),
        "logout": await client.log_out(tokens["refresh_token"]),
        "register": await client.register("eve@example.org"),
    }

    indifferent = "logout" if store == "users" else "register"
    assert answers.pop(indifferent).status_code == 200
    for answer in answers.values():
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert "set-cookie" not in answer.headers
        assert answer.json() == {
            "status": "error",
            "message": "The service cannot answer right now, please try again",
            "code": "unavailable",
        }


async def test_a_change_that_a_store_prevented_can_be_repeated(
    client: Client, faults: Faults
) -> None:
    tokens = await client.obtain_tokens()
    faults.sessions = Unavailable("sessions")
    assert (await client.refresh(tokens["refresh_token"])).status_code == 503
    faults.sessions = None

    assert (await client.me(tokens["access_token"])).status_code == 200
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("store", ["users", "sessions"])
async def test_readiness_names_the_store_that_is_down(
    client: Client, faults: Faults, store: str
) -> None:
    setattr(faults, store, Unavailable(store))

    answer = await client.get("/health/ready")

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json() == {
        "status": "error",
        "checks": {"users": "up", "sessions": "up", "keys": "up"} | {store: "down"},
    }
    assert (await client.get("/health/live")).json() == {"status": "success"}
    assert (await client.get("/api/healthchecker")).status_code == 200


def _kinds(parent: type[AuthError] = AuthError) -> Iterator[type[AuthError]]:
    for kind in parent.__subclasses__():
        if not kind.__module__.startswith("tests"):
            yield kind
            yield from _kinds(kind)


@pytest.mark.parametrize("kind", list(_kinds()), ids=lambda kind: str(kind.__name__))
def test_every_refusal_has_an_answer(kind: type[AuthError]) -> None:
    known = [each for each in kind.__mro__ if issubclass(each, AuthError) and each in ANSWERS]

    assert AuthError not in ANSWERS
    assert known, f"{kind.__name__} has no line in the table of api/errors.py"
    assert ANSWERS[known[0]].code == known[0].outcome


def test_every_answer_is_to_a_refusal() -> None:
    assert set(ANSWERS) <= set(_kinds())


def test_a_stolen_token_is_answered_as_any_bad_token_is() -> None:
    assert answer_to(RefreshTokenReused()) is ANSWERS[TokenRejected]


def test_the_codes_of_different_answers_differ() -> None:
    assert len({answer.code for answer in ANSWERS.values()}) == len(ANSWERS)
