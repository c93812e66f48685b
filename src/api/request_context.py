"""Read the context that the middleware has stored with a request."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from litestar import Request
from litestar.types import Scope

from domain.request_context import RequestContext


def context_of(request: Request[Any, Any, Any]) -> RequestContext:
    """Return the context of a request."""
    return context_in(request.scope)


def context_in(scope: Scope) -> RequestContext:
    """Return what the middleware ``request_context`` has stored, with the User-Agent."""
    context: RequestContext = scope["state"]["context"]
    return replace(context, agent=next(header_values(scope, b"user-agent"), ""))


def header_values(scope: Scope, name: bytes) -> Iterator[str]:
    """Yield the values of all headers of this lower-case name."""
    return (value.decode("latin-1") for key, value in scope["headers"] if key == name)
