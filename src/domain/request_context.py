"""Where a request comes from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Where a request comes from, as far as that is known.

    :ivar address: the client's IP address.
    :ivar request_id: the id of the request in all logs.
    :ivar device_token: the token by which the client shows that it is a known device.
    :ivar agent: the ``User-Agent`` of the client.
    :ivar locale: the language that a new user prefers, as a tag (RFC 5646).
    """

    address: str = ""
    request_id: str = ""
    device_token: str | None = None
    agent: str = ""
    locale: str | None = None


UNKNOWN = RequestContext()
"""The context of a call without a request: a script, a test."""
