"""Forged headers: the algorithm and the key are not for a token to choose (RFC 8725)."""

import base64
import json
import socket

import pytest
from cryptography.hazmat.primitives import serialization

from infrastructure.signing.algorithms import RS256
from infrastructure.signing.signing_key import SigningKey
from tests.unit.infrastructure.signing.forgery import (
    Attack,
    Forger,
    assert_rejected,
    attacks,
    hs256,
    ps256,
    rs512,
    segment,
    written,
)

STRANGE_ALGORITHMS: list[object] = [
    "none", "None", "nOnE", "NONE", "", None, [], {}, ["RS256"], True, 256, "rs256", "RS256 ",
    " RS256", "RS256\x00", "RS384", "RS512", "PS256", "HS256", "ES256", "EdDSA", "RSA-OAEP",
]  # fmt: skip


@pytest.mark.parametrize("alg", STRANGE_ALGORITHMS, ids=repr)
@pytest.mark.parametrize("is_signed", [True, False], ids=["signed", "unsigned"])
def test_no_other_algorithm_is_accepted(forger: Forger, alg: object, is_signed: bool) -> None:
    token = forger.with_header(alg=alg)
    if not is_signed:
        token = token[: token.rindex(".") + 1]

    assert_rejected(forger.signer, token)


def public_forms(key: SigningKey) -> dict[str, bytes]:
    public, encoding = key.public, serialization.Encoding
    spki, pkcs1 = (
        serialization.PublicFormat.SubjectPublicKeyInfo,
        serialization.PublicFormat.PKCS1,
    )
    return {
        "PEM": public.public_bytes(encoding.PEM, spki),
        "PEM without its last line break": public.public_bytes(encoding.PEM, spki).rstrip(),
        "PEM of PKCS#1": public.public_bytes(encoding.PEM, pkcs1),
        "DER": public.public_bytes(encoding.DER, spki),
        "DER of PKCS#1": public.public_bytes(encoding.DER, pkcs1),
        "JWK": json.dumps(RS256.members(public)).encode(),
        "modulus": RS256.members(public)["n"].encode(),
        "nothing": b"",
    }


@pytest.mark.parametrize("alg", ["HS256", "RS256"])
def test_a_public_key_is_no_secret(forger: Forger, alg: str) -> None:
    message = forger.unsigned_header(alg=alg)

    for secret in public_forms(forger.key).values():
        assert_rejected(forger.signer, f"{message}.{hs256(message, secret)}")


@attacks(
    {
        "RS512": lambda forger: rs512(forger.unsigned_header(alg="RS512"), forger.key.private),
        "RS512 as RS256": lambda forger: rs512(forger.unsigned_header(), forger.key.private),
        "PS256": lambda forger: ps256(forger.unsigned_header(alg="PS256"), forger.key.private),
        "PS256 as RS256": lambda forger: ps256(forger.unsigned_header(), forger.key.private),
    }
)
def test_the_right_key_under_another_algorithm_is_refused(forger: Forger, attack: Attack) -> None:
    signature = attack(forger)
    for alg in ("RS256", "RS512", "PS256"):
        assert_rejected(forger.signer, f"{forger.unsigned_header(alg=alg)}.{signature}")


@attacks(
    {
        "path": lambda forger: forger.with_header(kid="../../../../dev/null"),
        "SQL": lambda forger: forger.with_header(kid="x' UNION SELECT 'secret'; --"),
        "NUL": lambda forger: forger.with_header(kid=f"{forger.key.kid}\x00"),
        "number": lambda forger: forger.with_header(kid=7),
        "null": lambda forger: forger.with_header(kid=None),
        "list": lambda forger: forger.with_header(kid=[forger.key.kid]),
        "empty": lambda forger: forger.with_header(kid=""),
        "prefix": lambda forger: forger.with_header(kid=forger.key.kid[:-1]),
        "2 kB": lambda forger: forger.with_header(kid="k" * 2000),
        "10 kB": lambda forger: forger.with_header(kid="k" * 10_000),
        "unknown": lambda forger: forger.with_header(kid=forger.strange.kid),
        "of the other kind": lambda forger: forger.with_header(kid=forger.other.kid),
        "absent": lambda forger: forger.sign(header=written({"alg": "RS256", "typ": "at+jwt"})),
    }
)
def test_a_key_id_finds_our_key_or_nothing(forger: Forger, attack: Attack) -> None:
    assert_rejected(forger.signer, attack(forger))


def key_members(url: str, key: SigningKey) -> dict[str, object]:
    certificate = base64.b64encode(
        key.public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return {
        "jwk": RS256.members(key.public) | {"kid": key.kid},
        "jku": f"{url}/jwks.json",
        "x5u": f"{url}/chain.pem",
        "x5c": [certificate.decode()],
        "x5t": key.kid,
    }


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c", "x5t"])
@pytest.mark.parametrize("kid", ["ours", "theirs"])
def test_a_token_does_not_bring_its_own_key(forger: Forger, member: str, kid: str) -> None:
    theirs = forger.strange
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        header = forger.header | {member: key_members(url, theirs)[member]}
        header |= {} if kid == "ours" else {"kid": theirs.kid}

        assert_rejected(forger.signer, forger.sign(header=written(header), key=theirs))
        assert_rejected(forger.signer, forger.sign(header=written(header)))

        with pytest.raises(BlockingIOError):  # no caller has connected
            listener.accept()


@attacks(
    {
        "crit": lambda forger: forger.with_header(crit=["exp"], exp=0),
        "empty crit": lambda forger: forger.with_header(crit=[]),
        "b64": lambda forger: forger.with_header(b64=False, crit=["b64"]),
        "b64 without crit": lambda forger: forger.with_header(b64=False),
        "b64=true": lambda forger: forger.with_header(b64=True),
        "raw payload": lambda forger: forger.sign_segments(
            segment(written(forger.header | {"b64": False, "crit": ["b64"]})),
            forger.payload.decode(),
        ),
        "zip": lambda forger: forger.with_header(zip="DEF"),
        "cty": lambda forger: forger.with_header(cty="JWT"),
        "nested": lambda forger: forger.sign(
            header=written(forger.header | {"cty": "JWT"}), payload=forger.genuine.encode()
        ),
        "JWE": lambda forger: ".".join(
            [
                segment(written({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": forger.key.kid})),
                segment(bytes(256)),
                segment(bytes(12)),
                segment(forger.payload),
                segment(bytes(16)),
            ]
        ),
        "enc": lambda forger: forger.with_header(enc="A256GCM"),
        "unknown member": lambda forger: forger.with_header(color="green"),
        "other order": lambda forger: forger.sign(
            header=written(dict(reversed(forger.header.items())))
        ),
        "white space": lambda forger: forger.sign(header=json.dumps(forger.header).encode()),
        "byte order mark": lambda forger: forger.sign(
            header=b"\xef\xbb\xbf" + written(forger.header)
        ),
        "no JSON": lambda forger: forger.sign(header=b"header"),
        "list": lambda forger: forger.sign(header=b"[]"),
        "null": lambda forger: forger.sign(header=b"null"),
    }
)
def test_a_header_demands_nothing(forger: Forger, attack: Attack) -> None:
    assert_rejected(forger.signer, attack(forger))


@pytest.mark.parametrize("member", ["alg", "kid", "typ"])
@pytest.mark.parametrize("value", ["same", "other"])
def test_a_member_that_appears_twice_in_the_header_is_refused(
    forger: Forger, member: str, value: str
) -> None:
    text = written(forger.header)
    again = forger.header[member] if value == "same" else "none"
    extra = written({member: again})[1:-1]

    assert_rejected(forger.signer, forger.sign(header=b"{" + extra + b"," + text[1:]))
    assert_rejected(forger.signer, forger.sign(header=text[:-1] + b"," + extra + b"}"))
