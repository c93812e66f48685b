"""What other servers cost, measured once: they are not part of this repository.

In November 2026, side by side in one run on two cores, with the defaults of each, on PostgreSQL
and Redis: the processor time of the server's processes for each request, in milliseconds. The
server of the tutorial (Axum, release build, one thread) makes one signature with 4096 bits for a
refresh and does not rotate; GoTrue signs with HS256.
"""

from collections.abc import Mapping

TUTORIAL = "tutorial's server (Rust)"
ME, REFRESH, LOGIN = "GET /api/users/me", "refresh", "login"

OTHERS: Mapping[str, Mapping[str, float]] = {
    TUTORIAL: {ME: 0.338, REFRESH: 4.77, LOGIN: 45.0},
    "GoTrue": {ME: 0.79, REFRESH: 2.75, LOGIN: 70.0},
    "better-auth": {ME: 2.45, LOGIN: 126.0},
    "fastapi-users": {ME: 2.29},
}
"""In milliseconds, by server and request."""


def costs_of(request: str) -> Mapping[str, float]:
    """Return the cost of a request at those servers that were measured with it."""
    return {server: costs[request] for server, costs in OTHERS.items() if request in costs}
