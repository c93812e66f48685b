"""Settings of metrics and traces."""

from dataclasses import dataclass

from infrastructure.config import parsers
from infrastructure.config.environment_variables import declare


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings:
    """Metrics and traces. Both are off by default."""

    metrics_port: int | None = declare(
        "METRICS_PORT",
        parsers.optional(parsers.port),
        None,
        "Port of `/metrics`, for Prometheus. There are no metrics unless it is set.",
    )
    metrics_host: str = declare(
        "METRICS_HOST",
        parsers.host,
        "127.0.0.1",
        "Address of `METRICS_PORT`. Metrics need no credentials.",
    )
    traces_exporter: str | None = declare(
        "OTEL_TRACES_EXPORTER",
        parsers.optional(parsers.one_of("otlp", "none")),
        None,
        "`otlp` sends traces to an OpenTelemetry collector, as does either of the next two; "
        "`none` sends none. The OpenTelemetry SDK reads its other `OTEL_…` variables, too.",
    )
    otlp_endpoint: str | None = declare(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        parsers.optional(parsers.text),
        None,
        "URL of the collector: `http://localhost:4318` unless set.",
        is_secret=True,  # it may contain a password
    )
    otlp_traces_endpoint: str | None = declare(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        parsers.optional(parsers.text),
        None,
        "Complete URL for traces, `/v1/traces` included. Overrides the collector's.",
        is_secret=True,
    )
    otlp_protocol: str = declare(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        parsers.one_of("http/protobuf"),
        "http/protobuf",
        "Protocol of the collector. The service supports no other.",
    )
    is_otel_disabled: bool = declare(
        "OTEL_SDK_DISABLED", parsers.is_true, "false", "`true` disables traces altogether."
    )

    @property
    def is_traced(self) -> bool:
        """Whether traces are sent."""
        if self.is_otel_disabled or self.traces_exporter == "none":
            return False
        return bool(self.traces_exporter or self.otlp_endpoint or self.otlp_traces_endpoint)
