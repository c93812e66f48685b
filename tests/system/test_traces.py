"""Traces of the service, run by its command, as a collector receives them."""

import gzip
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.http.client import EMAIL, LOGIN, ME, NEW_USER, REGISTER, bearer
from tests.support.builders import PASSWORD
from tests.support.commands import assert_one_line, doorward
from tests.support.processes import Service, a_service, free_port
from tests.support.secret_watch import secrets_in
from tests.support.waiting import PATIENCE

LOG_IN = {"email": EMAIL, "password": PASSWORD, "transport": "bearer"}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@dataclass
class Collector:
    """An OTLP collector over HTTP."""

    port: int = 0
    raw: list[bytes] = field(default_factory=list)
    resource: dict[str, str] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, body: bytes) -> None:
        self.raw.append(body)
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for each in of_resource.resource.attributes:
                self.resource[each.key] = each.value.string_value
            for of_scope in of_resource.scope_spans:
                self.spans += of_scope.spans

    def trace_of(self, name: str) -> list[Span]:
        """Return the spans of the last trace whose root span has this name."""
        last = [each for each in self.spans if each.name == name][-1]
        return [each for each in self.spans if each.trace_id == last.trace_id]


@contextmanager
def a_collector() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            collector.take(body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.port = server.server_port
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield collector
        server.shutdown()
        thread.join()


def parent_of(span: Span, spans: list[Span]) -> Span | None:
    return next((each for each in spans if each.span_id == span.parent_span_id), None)


def path_to(span: Span, spans: list[Span]) -> list[str]:
    """Return the names of the spans from the root to this one."""
    names = [span.name]
    while parent := parent_of(span, spans):
        assert parent.start_time_unix_nano <= span.start_time_unix_nano
        assert parent.end_time_unix_nano >= span.end_time_unix_nano
        names.insert(0, parent.name)
        span = parent
    return names


def log_in(service: Service) -> str:
    """:returns: the access token."""
    with httpx.Client(base_url=service.url, timeout=PATIENCE) as client:
        client.post(REGISTER, json=NEW_USER)
        answer = client.post(LOGIN, json=LOG_IN, headers={"User-Agent": "a certain browser"})
    assert answer.status_code == 200
    return str(answer.json()["access_token"])


def test_one_request_is_one_trace_from_the_handler_to_the_stores(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    stores = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url}
    with a_collector() as collector:
        with a_service(
            tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, WORKERS="2", **stores
        ) as service:
            log_in(service)
            service.end()

        spans = collector.trace_of(f"POST {LOGIN}")

    paths = [path_to(span, spans) for span in spans]
    handler = f"POST {LOGIN}"
    assert [handler] in paths
    assert [handler, "Login"] in paths
    assert [handler, "Login", "postgresql users"] in paths
    assert [handler, "Login", "redis rate_limits"] in paths
    assert [handler, "Login", "CompleteLogin", "StartSession"] in paths
    assert [handler, "Login", "CompleteLogin", "StartSession", "redis sessions"] in paths
    assert all(path[0] == handler for path in paths)
    kinds = {span.name: span.kind for span in spans}
    assert kinds[handler] == Span.SPAN_KIND_SERVER
    assert kinds["Login"] == Span.SPAN_KIND_INTERNAL
    assert kinds["postgresql users"] == kinds["redis sessions"] == Span.SPAN_KIND_CLIENT
    assert collector.resource["service.name"] == "doorward"
    assert collector.resource["service.version"] == version("doorward")


def test_fast_path_responses_are_traced_in_the_trace_that_a_proxy_names(
    tmp_path: Path,
) -> None:
    said = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with a_collector() as collector:
        url = f"{collector.url}/v1/traces"
        variables = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url, "TRUSTED_PROXIES": "127.0.0.1"}
        with a_service(tmp_path, **variables) as service:
            mine = bearer(log_in(service))
            for _ in range(3):
                assert httpx.get(service.url + ME, headers=mine | said).status_code == 200
            service.end()

        spans = [each for each in collector.spans if each.name == f"GET {ME}"]

    assert len(spans) == 3
    assert {each.trace_id.hex() for each in spans} == {TRACE}
    assert {each.parent_span_id.hex() for each in spans} == {PARENT}


def test_log_lines_have_the_trace_ids_of_their_request(tmp_path: Path) -> None:
    with a_collector() as collector:
        with a_service(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as service:
            log_in(service)
            service.end()
            lines = [json.loads(each) for each in service.log.splitlines() if each[0] == "{"]

        [request] = [each for each in collector.spans if each.name == f"POST {LOGIN}"]

    [line] = [each for each in lines if each["event"] == "login"]
    assert line["trace_id"] == request.trace_id.hex()
    assert line["span_id"] == request.span_id.hex()
    assert "trace_id" not in lines[0]


def test_no_span_contains_personal_data(tmp_path: Path) -> None:
    with a_collector() as collector:
        with a_service(
            tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SERVICE_NAME="gate"
        ) as service:
            token = log_in(service)
            httpx.get(f"{service.url}/{EMAIL}?token={token}", headers={"Cookie": f"x={token}"})
            httpx.delete(f"{service.url}/api/sessions/{EMAIL}", headers=bearer(token))
            service.end()

        sent = b"".join(collector.raw).decode("latin-1")

    assert collector.resource["service.name"] == "gate"
    assert "GET unknown" in {each.name for each in collector.spans}
    assert secrets_in(sent) == []
    for each in (EMAIL, PASSWORD, token, "Ada", "127.0.0.1", "a certain browser", "SELECT"):
        assert each not in sent


def test_a_collector_that_is_down_delays_no_request(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with a_service(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=nowhere) as service:
        log_in(service)
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(service.end).result(timeout=8) == 0

        assert "Traceback" not in service.log


def test_a_service_without_traces_sends_none_and_logs_no_trace_ids(tmp_path: Path) -> None:
    """``unit/infrastructure/config/test_settings.py`` has the settings that turn traces off."""
    with a_collector() as collector:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_TRACES_EXPORTER": "none",
        }
        with a_service(tmp_path, **settings) as service:
            log_in(service)
            service.end()

            assert "trace_id" not in service.log
        assert collector.raw == []


def test_missing_trace_packages_are_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "infrastructure.telemetry.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)  # importing it fails

    result = doorward(tmp_path, "serve", USERS_URL="memory:", OTEL_TRACES_EXPORTER="otlp")

    assert_one_line(result, 2, "install doorward[otel]")
