"""By what a session recognises the client that refreshed it last."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from domain.client.network import networks_of
from domain.request_context import RequestContext

CLIENT_BITS, NETWORK_BITS = 23, 16


@dataclass(frozen=True, slots=True)
class ClientDigest:
    """Short digests of what a client sends, different in each session.

    :ivar has_device: whether ``client`` is the digest of a device token. Without one, it is that
        of the ``User-Agent``.
    :ivar client: 23 bits.
    :ivar network: the digest of the IPv4 /24 or IPv6 /48 network: 16 bits.
    """

    has_device: bool
    client: int
    network: int

    @classmethod
    def of(cls, caller: RequestContext, session_id: str) -> Self:
        return cls._of(caller, session_id, caller.device_token)

    @classmethod
    def _of(cls, caller: RequestContext, session_id: str, device: str | None) -> Self:
        client = caller.agent if device is None else device
        network = networks_of(caller.address, ipv4=(24,))[-1]
        return cls(
            device is not None,
            _digest(session_id, "client", client, CLIENT_BITS),
            _digest(session_id, "network", network, NETWORK_BITS),
        )

    def recognise(self, caller: RequestContext, session_id: str) -> Self | None:
        """Compare a caller with this client.

        A device token decides where there is one. Without one, the same program may be in another
        network, and another program (an extension of an app) in the same network.

        :returns: this object for the same client in the same network; the digests of the caller
            if it is the same client as far as one can tell; ``None`` for another one.
        """
        device = caller.device_token if self.has_device else None
        if self.has_device and device is None:
            return None
        other = self._of(caller, session_id, device)
        if other == self:
            return self
        is_known = other.client == self.client
        if not self.has_device:
            is_known = is_known or other.network == self.network
        return other if is_known else None


def _digest(session_id: str, kind: str, value: str, bits: int) -> int:
    octets = sha256(f"{session_id}:{kind}:{value}".encode(errors="replace")).digest()
    return int.from_bytes(octets[:4], "big") >> (32 - bits)
