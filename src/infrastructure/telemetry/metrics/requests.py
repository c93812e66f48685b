"""Requests: how many, and how long they took."""

from prometheus_client import CollectorRegistry, Counter, Histogram

ABORTED = "none"
"""The label `status` of a request whose client disconnected before the response."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_TIMES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class RequestMetrics:
    """Counts and times requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "doorward_http_requests",
            "Requests that the application handled. `route` is the template of the path, or "
            f"`unknown`; `status` is `{ABORTED}` if the client disconnected before the response.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "doorward_http_request_seconds",
            "Time from the head of a request to its response.",
            ["method", "route"],
            buckets=_REQUEST_TIMES,
            registry=registry,
        )
        self._request_series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count and time a request.

        :param route: the template of the path.
        :param status: of the response; 0 if there was none.
        :param seconds: from the head of the request to the response.
        """
        series = self._request_series.get((method, route, status))
        if series is None:
            series = self._series(method, route, status)
            if method in _METHODS:  # a client can send any other
                self._request_series[method, route, status] = series
        requests, request_seconds = series
        requests.inc()
        request_seconds.observe(seconds)

    def _series(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        known = method if method in _METHODS else "other"
        requests = self._requests.labels(known, route, str(status or ABORTED))
        return requests, self._request_seconds.labels(known, route)
