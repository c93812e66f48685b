"""Genuine tokens with random changes: only the signer's own output is accepted.

The claim level is signed again with the right key, so only the check of the claims can refuse.
"""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.errors import TokenRejected
from domain.token import TokenKind
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.signing_key import SigningKey
from tests.support.builders import a_session, claims_of
from tests.unit.infrastructure.signing.forgery import Forger, octets_of, segment, written

pytestmark = pytest.mark.slow  # thousands of forged tokens

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
CLAIMS = (
    "iss",
    "aud",
    "sub",
    "client_id",
    "sid",
    "jti",
    "iat",
    "nbf",
    "exp",
    "roles",
    "email_verified",
    "auth_time",
    "acr",
    "amr",
)
POSITIONS = st.integers(0, 10_000)
"""Taken modulo the length of what is changed."""


@pytest.fixture(params=TokenKind, scope="module")
def forger(
    request: pytest.FixtureRequest,
    signer: JwtSigner,
    keys: dict[TokenKind, SigningKey],
    strange_key: SigningKey,
) -> Forger:
    [other] = set(TokenKind) - {request.param}
    return Forger(signer, keys[request.param], keys[other], strange_key, request.param)


def assert_only_the_genuine_passes(forger: Forger, token: str) -> None:
    """Check that a token is refused unless it equals the signer's output for its claims."""
    for kind in TokenKind:
        try:
            claims = forger.signer.verify(token, kind)
        except TokenRejected:
            continue
        assert kind is forger.kind
        times = json.loads(octets_of(token.split(".")[1]))
        if times["nbf"] != times["iat"]:  # which the previous release wrote
            assert forger.signer.sign(claims) == token


def assert_refused(forger: Forger, token: str) -> None:
    assume(token != forger.genuine)
    for kind in TokenKind:
        with pytest.raises(TokenRejected):
            forger.signer.verify(token, kind)


def test_the_genuine_token_passes(forger: Forger) -> None:
    assert forger.signer.sign(forger.signer.verify(forger.genuine, forger.kind)) == forger.genuine


@given(text=st.text(st.characters(), max_size=200) | st.text(st.characters(codec="ascii")))
def test_no_text_at_all_passes(forger: Forger, text: str) -> None:
    assert_refused(forger, text)
    assert_refused(forger, f"{forger.segments[0]}.{text}")


@given(position=POSITIONS, bit=st.integers(0, 6))
def test_no_flipped_bit_passes(forger: Forger, position: int, bit: int) -> None:
    octets = bytearray(forger.genuine.encode())
    octets[position % len(octets)] ^= 1 << bit
    assert_refused(forger, octets.decode())


@given(position=POSITIONS, removed=st.integers(0, 5), added=st.text(max_size=5))
def test_no_changed_character_passes(
    forger: Forger, position: int, removed: int, added: str
) -> None:
    text, at = forger.genuine, position % (len(forger.genuine) + 1)
    assert_refused(forger, text[:at] + added + text[at + removed :])


@given(cut=POSITIONS, is_head=st.booleans())
def test_no_part_of_a_token_passes(forger: Forger, cut: int, is_head: bool) -> None:
    at = cut % len(forger.genuine)
    assert_refused(forger, forger.genuine[:at] if is_head else forger.genuine[at + 1 :])


@given(number=st.integers(0, 2), position=POSITIONS, bit=st.integers(0, 7))
def test_no_flipped_bit_below_the_encoding_passes(
    forger: Forger, number: int, position: int, bit: int
) -> None:
    octets = bytearray(octets_of(forger.segments[number]))
    octets[position % len(octets)] ^= 1 << bit
    changed = [*forger.segments]
    changed[number] = segment(bytes(octets))
    assert_refused(forger, ".".join(changed))


@given(data=st.data())
def test_no_other_arrangement_of_genuine_segments_passes(
    forger: Forger, data: st.DataObject
) -> None:
    """Also not with segments of another session's token, or of the same session's other one."""
    session = a_session()
    others = [forger.signer.sign(claims_of(session, kind)) for kind in TokenKind]
    pool = [*forger.segments, "", *(part for token in others for part in token.split("."))]
    parts = data.draw(st.lists(st.sampled_from(pool), max_size=5))
    token = ".".join(parts)
    assume(token not in others)
    assert_refused(forger, token)


@given(number=st.integers(0, 2), padding=st.sampled_from(["=", "==", "A", "\n", " ", "%3D", "."]))
def test_no_padding_passes(forger: Forger, number: int, padding: str) -> None:
    changed = [*forger.segments]
    changed[number] += padding
    assert_refused(forger, ".".join(changed))


@given(claim=st.sampled_from(CLAIMS), value=JSON)
def test_no_changed_claim_passes_unless_it_is_valid(
    forger: Forger, claim: str, value: Any
) -> None:
    assert_only_the_genuine_passes(forger, _signed(forger, forger.claims | {claim: value}))


@given(claim=st.sampled_from(["iat", "nbf", "exp"]), change=st.integers(-(2**70), 2**70))
def test_no_changed_time_passes_unless_it_is_valid(
    forger: Forger, claim: str, change: int
) -> None:
    times = {claim: forger.claims[claim] + change}
    assert_only_the_genuine_passes(forger, _signed(forger, forger.claims | times))


@given(claim=st.sampled_from(["iss", "aud", "sub", "client_id", "sid", "jti"]), data=st.data())
def test_no_near_miss_of_a_text_passes(forger: Forger, claim: str, data: st.DataObject) -> None:
    text = forger.claims[claim]
    at = data.draw(st.integers(0, len(text)))
    added = data.draw(st.text(st.sampled_from("0a-/. G\u0430\u0661"), max_size=2))
    near = text[:at] + added + text[at + data.draw(st.integers(0, 2)) :]
    changed = data.draw(st.sampled_from([near, text.upper(), [text], {"": text}]))
    assert_only_the_genuine_passes(forger, _signed(forger, forger.claims | {claim: changed}))


@given(name=st.text(max_size=10), value=JSON)
def test_no_further_claim_passes(forger: Forger, name: str, value: Any) -> None:
    assume(name not in forger.claims)
    assert_refused(forger, _signed(forger, forger.claims | {name: value}))


@given(kept=st.permutations(CLAIMS), number=st.integers(0, len(CLAIMS)))
def test_no_other_order_or_choice_of_claims_passes(
    forger: Forger, kept: list[str], number: int
) -> None:
    choose = [name for name in kept[:number] if name in forger.claims]
    # Release 0.2 wrote no email_verified, and release 0.1 no roles.
    assume(choose not in (list(CLAIMS[:-1]), list(CLAIMS[:-2])))
    token = _signed(forger, {name: forger.claims[name] for name in choose})
    assert_refused(forger, token)


@given(payload=JSON | st.binary(max_size=100), data=st.data())
def test_no_other_payload_passes(forger: Forger, payload: Any, data: st.DataObject) -> None:
    octets = payload if isinstance(payload, bytes) else _json(payload)
    at = data.draw(st.integers(0, len(forger.payload)))
    assert_refused(forger, forger.sign(payload=octets))
    assert_refused(forger, forger.sign(payload=forger.payload[:at] + octets))


@given(space=st.sampled_from([b" ", b"\n", b"\t", b",", b"\x00", b"\xef\xbb\xbf"]), at=POSITIONS)
def test_no_other_way_to_write_the_claims_passes(forger: Forger, space: bytes, at: int) -> None:
    at %= len(forger.payload) + 1
    octets = forger.payload[:at] + space + forger.payload[at:]
    assert_refused(forger, forger.sign(payload=octets))


@given(member=st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "jku", "b64"]), value=JSON)
def test_no_other_header_passes(forger: Forger, member: str, value: Any) -> None:
    header = _json(forger.header | {member: value})
    assert_refused(forger, forger.sign(header=header))


@given(key=st.sampled_from(["other", "strange"]), part=st.sampled_from(["genuine", "own kid"]))
def test_no_other_key_passes(forger: Forger, key: str, part: str) -> None:
    signing = forger.other if key == "other" else forger.strange
    kid = forger.header["kid"] if part == "genuine" else signing.kid
    assert_refused(forger, forger.sign(header=written(forger.header | {"kid": kid}), key=signing))


def _signed(forger: Forger, claims: dict[str, Any]) -> str:
    return forger.sign(payload=_json(claims))


def _json(value: Any) -> bytes:
    """Encode JSON as the signer does; lone surrogates stay escaped."""
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()
