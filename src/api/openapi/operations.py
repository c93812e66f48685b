"""What an operation documents beside the types of its handler."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, cast

from litestar.datastructures import ResponseHeader
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import (
    Example,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIType
from msgspec import to_builtins

from api.problems.answers import ANSWERS, FRAMEWORK, Answer
from api.problems.responses import NO_DETAILS, worded
from api.schemas.errors import Details, Failure, FieldProblem
from domain.errors import AuthError, InvalidInput

_INVALID = Details(errors=[FieldProblem("password", "must be at least 8 characters long")])
BEARER, ACCESS_COOKIE, REFRESH_COOKIE = "bearer", "access_cookie", "refresh_cookie"

ACCESS = [{BEARER: list[str]()}, {ACCESS_COOKIE: list[str]()}]
"""The security of routes that need an access token."""

REFRESH = [{REFRESH_COOKIE: list[str]()}, {}]
"""The security of routes that need a refresh token, as a cookie or in the body."""


def _set_cookie(description: str) -> ResponseHeader:
    return ResponseHeader(
        name="Set-Cookie", description=description, value="", documentation_only=True
    )


SETS_COOKIES = [
    _set_cookie(
        "Sets `access_token` and `refresh_token`, HttpOnly, each for the lifetime of its token, "
        "and `logged_in`; absent with `bearer` transport. Under https the names of the first two "
        "begin with `__Host-`. A login also sets `device`, which lets a known device log in while "
        "its account is under attack."
    )
]


def redirects(description: str, cookies: str = "") -> list[ResponseHeader]:
    """Document where a route sends browsers.

    :param cookies: what it sets, if it does.
    """
    location = ResponseHeader(
        name="Location", description=description, value="", documentation_only=True
    )
    return [location, *([_set_cookie(cookies)] if cookies else [])]


SETS_FLOW_COOKIE = [
    _set_cookie(
        "Sets `social-…`, HttpOnly, for ten minutes: only this browser can end the flow. Of "
        "several at a time the newest three stay."
    )
]
SETS_DEVICE = [
    _set_cookie(
        "Sets `device`, unless `EMAIL_VERIFICATION` is `off`: this browser proves the address "
        "without the password."
    )
]
REMOVES_COOKIES = [
    _set_cookie("Removes the cookies of the session, if it is the caller's."),
    ResponseHeader(
        name="Clear-Site-Data",
        description='`"cache"`, if it is the caller\'s.',
        value="",
        documentation_only=True,
    ),
]


@dataclass
class OptionalBody(Operation):
    """A route that may be called without a body. Litestar documents every body as required, and
    ``null`` as a body.
    """

    def __post_init__(self) -> None:
        if isinstance(self.request_body, RequestBody):
            self.request_body.required = False
            for content in self.request_body.content.values():
                _use_first_schema(content)


@dataclass
class OptionalRefreshToken(OptionalBody):
    """A route that takes the refresh token of a cookie, or of the body."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.request_body, RequestBody):
            self.request_body.description = (
                "Clients with cookies need none. Without cookies it has the refresh token."
            )
            for content in self.request_body.content.values():
                # The first example is the one that "Execute" in /docs sends, with its cookies.
                content.examples = {
                    "cookie": Example(summary="The token is in the cookie.", value={}),
                    "bearer": Example(
                        summary="The token is in the body.", value={"refresh_token": "eyJhbGci…"}
                    ),
                }


def _use_first_schema(content: OpenAPIMediaType) -> None:
    if isinstance(content.schema, Schema) and content.schema.one_of:
        content.schema = content.schema.one_of[0]


@dataclass
class NeverInvalid(Operation):
    """A route whose only parameter is an id: a malformed one is a 404. Litestar documents 400."""

    def __post_init__(self) -> None:
        if self.responses:
            self.responses.pop("400")


@dataclass
class NoContent(Operation):
    """A route that answers 204. Litestar documents ``null`` as its body."""

    def __post_init__(self) -> None:
        answer = (self.responses or {}).get("204")
        if isinstance(answer, OpenAPIResponse):
            answer.content = None
            answer.headers = dict(sorted((answer.headers or {}).items()))  # they come as a set


@dataclass
class SeeOther(Operation):
    """A route that sends browsers on. Litestar documents ``null`` as its body."""

    def __post_init__(self) -> None:
        answer = (self.responses or {}).get("303")
        if isinstance(answer, OpenAPIResponse):
            answer.content = None
            answer.headers = dict(sorted((answer.headers or {}).items()))  # they come as a set


_FROM_PROVIDER = {
    "code": "Of a success: what is exchanged for the account.",
    "state": "Which flow this is.",
    "iss": "Who has answered (RFC 9207).",
    "error": "Why there is no code (RFC 6749, section 4.1.2.1).",
}


@dataclass
class TakesCallback(SeeOther):
    """A route to which providers send browsers. Litestar would refuse their other parameters."""

    def __post_init__(self) -> None:
        super().__post_init__()
        text = Schema(type=OpenAPIType.STRING)
        own = [
            Parameter(name=name, param_in="query", schema=text, description=description)
            for name, description in _FROM_PROVIDER.items()
        ]
        self.parameters = [*(self.parameters or []), *own]


@dataclass
class TakesForm(SeeOther):
    """The same for browsers that bring a form."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fields = {
            name: Schema(type=OpenAPIType.STRING, description=description)
            for name, description in _FROM_PROVIDER.items()
        }
        form = Schema(type=OpenAPIType.OBJECT, properties={**fields}, required=["state"])
        content = {"application/x-www-form-urlencoded": OpenAPIMediaType(schema=form)}
        self.request_body = RequestBody(content=content, required=True)


@dataclass
class Revalidated(Operation):
    """A route that may answer 304. Litestar cannot document a response without a body."""

    def __post_init__(self) -> None:
        same = OpenAPIResponse(description="Not modified.")
        self.responses = dict(sorted({**(self.responses or {}), "304": same}.items()))
        answer = self.responses["200"]
        if isinstance(answer, OpenAPIResponse):
            for content in (answer.content or {}).values():
                _use_first_schema(content)
            answer.headers = dict(sorted((answer.headers or {}).items()))  # they come as a set


class Failures(Mapping[int, ResponseSpec]):
    """The error responses of a route, by their status.

    They are made when the OpenAPI document is: requests are answered without them. Litestar makes
    deep copies of each handler, which shall not copy them.
    """

    def __init__(self, answers: Mapping[int, Sequence[Answer]]) -> None:
        self._answers = answers

    def __getitem__(self, status: int) -> ResponseSpec:
        return _spec(self._answers[status])

    def __iter__(self) -> Iterator[int]:
        return iter(self._answers)

    def __len__(self) -> int:
        return len(self._answers)

    def __or__(self, others: "Failures") -> "Failures":
        """Return both, of which the others replace those of the same status."""
        return Failures({**self._answers, **others._answers})

    def __deepcopy__(self, _memo: object) -> Self:
        return self


def failures(*errors: type[AuthError], status: tuple[int, ...] = ()) -> Failures:
    """Document the error responses of a route.

    :param errors: the errors that it raises.
    :param status: the status codes of the framework's own errors.
    """
    answers: dict[int, list[Answer]] = {}
    for answer in [*(ANSWERS[error] for error in errors), *(FRAMEWORK[each] for each in status)]:
        answers.setdefault(answer.status, []).append(answer)
    return Failures(answers)


def _spec(answers: Sequence[Answer]) -> ResponseSpec:
    examples = [Example(summary=answer.message, value=_example(answer)) for answer in answers]
    return ResponseSpec(
        Failure,
        generate_examples=False,
        description=". ".join(answer.message for answer in answers),
        examples=examples,
    )


def _example(answer: Answer) -> Mapping[str, object]:
    is_input = answer is ANSWERS[InvalidInput]
    content, _ = worded(answer, details=_INVALID if is_input else NO_DETAILS)
    return cast("Mapping[str, object]", to_builtins(content))
