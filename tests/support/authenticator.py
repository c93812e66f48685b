"""An authenticator and its browser in software, which may say anything that a test wants."""

import json
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from hashlib import sha256
from secrets import token_bytes
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2 import cbor

from application.ports import Assertion, Registration
from domain.second_factors.passkey import Algorithm

Json = dict[str, Any]
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

RP_ID, ORIGIN = "localhost", "http://localhost:8000"


class Flag(IntFlag):
    """The flags of authenticator data (Web Authentication, section 6.1)."""

    UP = 0x01
    UV = 0x04
    BE = 0x08
    BS = 0x10
    AT = 0x40
    ED = 0x80


VERIFIED = Flag.UP | Flag.UV


def encode(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new_key(algorithm: Algorithm) -> PrivateKey:
    if algorithm is Algorithm.ES256:
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm is Algorithm.EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def cose_key(key: PrivateKey) -> dict[int, Any]:
    """Return the public key as a COSE key (RFC 9053)."""
    public = key.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()}
    numbers = public.public_numbers()
    modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8)
    return {1: 3, 3: -257, -1: modulus, -2: numbers.e.to_bytes(3)}


@dataclass
class Authenticator:
    """Makes one passkey, and signs with it.

    :ivar flags: of all that it signs; a registration adds AT.
    :ivar count: of signatures; it rises by one with each if ``counts``.
    """

    algorithm: Algorithm = Algorithm.ES256
    rp_id: str = RP_ID
    origin: str = ORIGIN
    flags: Flag = VERIFIED
    counts: bool = True
    count: int = 0
    aaguid: bytes = bytes(16)
    credential_id: bytes = field(default_factory=lambda: token_bytes(32))
    user_handle: bytes | None = None

    def __post_init__(self) -> None:
        self.key = new_key(self.algorithm)

    def create(self, options: Mapping[str, Any], **lies: Any) -> Json:
        """Answer the options of a registration, as ``PublicKeyCredential.toJSON()`` does.

        :param lies: members of the client data; or ``flags``, ``rp_id``, ``cose``, ``extensions``,
            ``attested_id``, ``fmt``, ``statement``, ``attestation`` and ``id``.
        """
        self.user_handle = decode(options["user"]["id"])
        client_data = self._client_data("webauthn.create", options, lies)
        attested_id = lies.get("attested_id", self.credential_id)
        public_key = cbor.encode(lies.get("cose", cose_key(self.key)))
        attested = self.aaguid + struct.pack(">H", len(attested_id)) + attested_id + public_key
        data = self._data(Flag.AT, lies, attested)
        fmt = lies.get("fmt", "none")
        statement = lies.get("statement", {})
        if callable(statement):
            statement = statement(data + sha256(client_data).digest())
        attestation = cbor.encode({"fmt": fmt, "attStmt": statement, "authData": data})
        return self._credential(
            lies,
            clientDataJSON=encode(client_data),
            attestationObject=encode(lies.get("attestation", attestation)),
            authenticatorData=encode(data),
            publicKeyAlgorithm=int(self.algorithm),
            transports=["internal", "hybrid"],
        )

    def get(self, options: Mapping[str, Any], **lies: Any) -> Json:
        """Answer the options of an assertion, as ``PublicKeyCredential.toJSON()`` does.

        :param lies: members of the client data; or ``flags``, ``rp_id``, ``extensions``,
            ``signature``, ``user_handle``, ``data`` and ``id``.
        """
        client_data = self._client_data("webauthn.get", options, lies)
        data = lies.get("data", self._data(Flag(0), lies))
        signature = self.sign(data + sha256(client_data).digest())
        handle = lies.get("user_handle", self.user_handle)
        return self._credential(
            lies,
            clientDataJSON=encode(client_data),
            authenticatorData=encode(data),
            signature=encode(lies.get("signature", signature)),
            userHandle=None if handle is None else encode(handle),
        )

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(message, ec.ECDSA(hashes.SHA256()))
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def _client_data(
        self, ceremony: str, options: Mapping[str, Any], lies: Mapping[str, Any]
    ) -> bytes:
        honest = {"type": ceremony, "challenge": options["challenge"], "origin": self.origin}
        members = ("type", "challenge", "origin", "crossOrigin", "topOrigin")
        told = {name: lies[name] for name in members if name in lies}
        return json.dumps({**honest, "crossOrigin": False, **told}).encode()

    def _data(self, added: Flag, lies: Mapping[str, Any], attested: bytes = b"") -> bytes:
        self.count += self.counts
        extensions: bytes = lies.get("extensions", b"")
        flags = lies.get("flags", self.flags | added) | (Flag.ED if extensions else 0)
        hashed = sha256(lies.get("rp_id", self.rp_id).encode()).digest()
        return hashed + struct.pack(">BI", flags, self.count) + attested + extensions

    def _credential(self, lies: Mapping[str, Any], **response: Any) -> Json:
        shown = encode(lies.get("id", self.credential_id))
        return {
            "id": shown,
            "rawId": shown,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {"credProps": {"rk": True}},
            "response": {name: each for name, each in response.items() if each is not None},
        }


def registration_of(credential: Json) -> Registration:
    response = credential["response"]
    return Registration(
        decode(credential["rawId"]),
        decode(response["clientDataJSON"]),
        decode(response["attestationObject"]),
        tuple(response["transports"]),
    )


def assertion_of(credential: Json) -> Assertion:
    response = credential["response"]
    handle = response.get("userHandle")
    return Assertion(
        decode(credential["rawId"]),
        decode(response["clientDataJSON"]),
        decode(response["authenticatorData"]),
        decode(response["signature"]),
        None if handle is None else decode(handle),
    )
