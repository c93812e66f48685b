"""The client data: what a browser says about a ceremony (Web Authentication, section 5.8.1)."""

from typing import Literal

import msgspec

from domain.errors import PasskeyInvalid

Ceremony = Literal["webauthn.create", "webauthn.get"]


class ClientData(msgspec.Struct, frozen=True):
    """Members that are not listed here are ignored: later browsers have others.

    :ivar challenge: as base64url, in which form it was issued.
    :ivar crossOrigin: whether the ceremony took place in a frame of another origin.
    :ivar topOrigin: of the page with that frame.
    """

    type: str
    challenge: str
    origin: str
    crossOrigin: bool = False  # noqa: N815 - the name of the standard
    topOrigin: str | None = None  # noqa: N815


_DECODER = msgspec.json.Decoder(ClientData)


def read(client_data: bytes) -> ClientData:
    """:raises PasskeyInvalid: it is no JSON object with the members of the standard."""
    try:
        return _DECODER.decode(client_data)
    except (ValueError, RecursionError):  # also of wrong UTF-8
        raise PasskeyInvalid from None


def check(
    client_data: ClientData, ceremony: Ceremony, challenge: str, origins: frozenset[str]
) -> None:
    """Check the ceremony, the challenge and the page (sections 7.1 and 7.2).

    No page of another origin may have the ceremony in a frame.

    :raises PasskeyInvalid: one of them is another.
    """
    is_good = (
        client_data.type == ceremony
        and client_data.challenge == challenge
        and client_data.origin in origins
        and not client_data.crossOrigin
        and client_data.topOrigin is None
    )
    if not is_good:
        raise PasskeyInvalid
