"""The content of spans."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from structlog.contextvars import bound_contextvars, get_contextvars

from domain.errors import EmailTaken, Unavailable
from infrastructure.telemetry.tracing import Tracing

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAID = [(b"traceparent", f"00-{TRACE}-{PARENT}-01".encode()), (b"cookie", b"access_token=secret")]


@dataclass
class Recorded:
    tracing: Tracing
    exporter: InMemorySpanExporter

    @property
    def spans(self) -> list[ReadableSpan]:
        """Return the spans, the root first."""
        return list(reversed(self.exporter.get_finished_spans()))


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with bound_contextvars(trace_id="", span_id=""):
        yield Recorded(Tracing(provider), exporter)
    provider.shutdown()


@dataclass(frozen=True, slots=True)
class Greet:
    word: str
    error: Exception | None = None

    async def __call__(self, name: str, *, loudly: bool = False) -> str:
        """Says hello."""
        if self.error:
            raise self.error
        return f"{self.word} {name}{'!' if loudly else ''}"


def test_a_request_is_a_span_named_after_its_route(recorded: Recorded) -> None:
    end = recorded.tracing.request("GET", "/api/users/{user_id}", [])
    end(200)

    [span] = recorded.spans
    assert span.name == "GET /api/users/{user_id}"
    assert span.kind is SpanKind.SERVER
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/api/users/{user_id}",
        "http.response.status_code": 200,
    }
    assert span.status.status_code is StatusCode.UNSET


def test_a_request_joins_the_trace_of_its_traceparent(recorded: Recorded) -> None:
    end = recorded.tracing.request("GET", "/docs", SAID)
    end(200)

    [span] = recorded.spans
    assert span.parent is not None
    assert f"{span.parent.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    assert "secret" not in span.to_json()


@pytest.mark.parametrize("said", ["", "nonsense", f"00-{'0' * 32}-{PARENT}-01", "00-x-y-z"])
def test_an_invalid_traceparent_begins_a_new_trace(recorded: Recorded, said: str) -> None:
    end = recorded.tracing.request("GET", "/docs", [(b"traceparent", said.encode())])
    end(200)

    [span] = recorded.spans
    assert span.parent is None


@pytest.mark.parametrize(
    ("status", "code"), [(503, StatusCode.ERROR), (404, StatusCode.UNSET), (0, StatusCode.UNSET)]
)
def test_only_server_faults_have_the_status_error(
    recorded: Recorded, status: int, code: StatusCode
) -> None:
    recorded.tracing.request("GET", "/docs", [])(status)

    [span] = recorded.spans
    assert span.status.status_code is code
    assert ("http.response.status_code" in (span.attributes or {})) is bool(status)


def test_clients_cannot_create_span_names(recorded: Recorded) -> None:
    recorded.tracing.request("X" * 100, "unknown", [])(405)

    [span] = recorded.spans
    assert span.name == "HTTP unknown"
    assert "XX" not in span.to_json()


def test_log_lines_have_the_ids_of_the_span_of_their_request(recorded: Recorded) -> None:
    end = recorded.tracing.request("GET", "/docs", SAID)
    bound = get_contextvars()
    end(200)

    [span] = recorded.spans
    assert span.context is not None
    assert bound["trace_id"] == TRACE
    assert bound["span_id"] == f"{span.context.span_id:016x}"


async def test_a_traced_use_case_behaves_as_before(recorded: Recorded) -> None:
    traced = recorded.tracing.traced(Greet("hello"))

    said = await traced("Ada", loudly=True)

    [span] = recorded.spans
    assert said == "hello Ada!"
    assert span.name == "Greet"
    assert "Ada" not in span.to_json()
    assert traced.word == "hello"


@pytest.mark.parametrize(
    ("error", "name", "code"),
    [
        (EmailTaken(), "email_taken", StatusCode.UNSET),
        (Unavailable("users"), "unavailable", StatusCode.ERROR),
        (ValueError("a secret"), "ValueError", StatusCode.ERROR),
    ],
    ids=str,
)
async def test_a_span_has_the_type_of_an_error_but_not_its_message(
    recorded: Recorded, error: Exception, name: str, code: StatusCode
) -> None:
    with pytest.raises(type(error)):
        await recorded.tracing.traced(Greet("hello", error))("Ada")

    [span] = recorded.spans
    assert (span.attributes or {})["error.type"] == name
    assert span.status.status_code is code
    assert not span.events
    assert "secret" not in span.to_json()


async def test_spans_are_nested_like_the_calls(recorded: Recorded) -> None:
    class Outer:
        async def __call__(self) -> None:
            with recorded.tracing.store_call("redis", "sessions"):
                pass

    end = recorded.tracing.request("GET", "/docs", [])
    await recorded.tracing.traced(Outer())()
    end(200)

    request, use_case, call = recorded.spans
    assert [each.name for each in (request, use_case, call)] == [
        "GET /docs",
        "Outer",
        "redis sessions",
    ]
    assert use_case.parent == request.context
    assert call.parent == use_case.context
    assert call.kind is SpanKind.CLIENT
    assert dict(call.attributes or {}) == {
        "db.system.name": "redis",
        "doorward.role": "sessions",
    }


def test_a_call_outside_a_request_is_not_traced(recorded: Recorded) -> None:
    with recorded.tracing.store_call("redis", "sessions"):
        pass

    assert recorded.spans == []
