"""Device tokens are recognised for the user they were issued to, and for no other."""

import hmac
from dataclasses import replace
from uuid import UUID

import pytest

from domain.user import UserId
from infrastructure.signing.device_tokens import HmacDevices
from infrastructure.signing.signing_key import SigningKey
from tests.support.builders import NOW, a_signing_key, a_user, devices_of

ADA, EVE = a_user(), a_user()


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return a_signing_key()


@pytest.fixture
def devices(key: SigningKey) -> HmacDevices:
    return devices_of(key)


def test_a_device_is_recognised_by_its_token(devices: HmacDevices) -> None:
    token = devices.issue(ADA)

    device = devices.recognise(token, ADA)

    assert device is not None
    assert devices.recognise(token, ADA) == device


def test_each_token_names_another_device(devices: HmacDevices) -> None:
    recognised = {devices.recognise(devices.issue(ADA), ADA) for _ in range(100)}

    assert len(recognised) == 100
    assert None not in recognised


def test_a_device_of_another_user_is_not_recognised(devices: HmacDevices) -> None:
    assert devices.recognise(devices.issue(EVE), ADA) is None
    beside = replace(ADA, id=UserId(UUID(int=ADA.id.int ^ 1)))
    assert devices.recognise(devices.issue(ADA), beside) is None


def test_a_new_password_invalidates_all_device_tokens(devices: HmacDevices) -> None:
    token = devices.issue(ADA)

    assert devices.recognise(token, replace(ADA, name="Ada King")) is not None
    assert devices.recognise(token, ADA.with_new_password("another hash", NOW)) is None


def test_a_device_is_recognised_after_a_restart_and_by_every_worker(key: SigningKey) -> None:
    token = devices_of(key).issue(ADA)

    assert devices_of(key).recognise(token, ADA) is not None


def test_a_token_made_with_another_key_is_not_recognised(
    devices: HmacDevices, strange_key: SigningKey
) -> None:
    assert devices.recognise(devices_of(strange_key).issue(ADA), ADA) is None


def test_the_id_of_a_device_is_authentic_without_its_user(
    devices: HmacDevices, key: SigningKey
) -> None:
    token = devices.issue(ADA)

    assert devices_of(key).authentic_id(token) == devices.recognise(token, ADA)
    stolen = f"{token.split('.')[0]}.{'0' * 64}"
    assert devices.authentic_id(stolen) == devices.authentic_id(token)


def test_an_id_that_was_not_issued_is_not_authentic(
    devices: HmacDevices, strange_key: SigningKey
) -> None:
    token = devices.issue(ADA)
    device, code = token.split(".")
    altered = [
        f"{device[:place]}{flipped(device[place])}{device[place + 1 :]}.{code}"
        for place in range(32)
    ]
    forged = [None, "", ".", "\xe9" * 97, "0" * 97, f"{'0' * 32}.{'0' * 64}", f"0{token}",
              token[1:], f"{token}0", token.upper(), devices_of(strange_key).issue(ADA),
              *altered]  # fmt: skip

    assert [each for each in forged if devices.authentic_id(each)] == []


def test_the_id_of_a_device_stays_authentic_under_an_earlier_secret() -> None:
    token = HmacDevices(lambda: [b"one"]).issue(ADA)

    assert HmacDevices(lambda: [b"other", b"one"]).authentic_id(token) == token.split(".")[0]
    assert HmacDevices(lambda: [b"other"]).authentic_id(token) is None


def test_a_token_of_an_earlier_release_is_recognised_and_not_authentic() -> None:
    device = "0123456789abcdef" * 2
    message = f"{device}.{ADA.id.hex}.{ADA.generation}".encode()
    token = f"{device}.{hmac.new(b'one', message, 'sha256').hexdigest()}"
    devices = HmacDevices(lambda: [b"one"])

    assert devices.recognise(token, ADA) == device
    assert devices.authentic_id(token) is None


def test_an_id_is_of_16_bytes_and_a_token_says_nothing_else(
    devices: HmacDevices,
) -> None:
    token = devices.issue(ADA)
    device, code = token.split(".")

    assert len(bytes.fromhex(device)) == 16
    assert len(bytes.fromhex(code)) == 32
    assert devices.recognise(token, ADA) == device
    assert ADA.id.hex not in token


@pytest.mark.parametrize(
    "token",
    [None, "", ".", "..", "x", "x.", ".x", "0" * 32, f"{'0' * 32}.{'0' * 64}", "\xe9.\xe9",
     "\u0661.\u0661", "x" * 100_000, ("x" * 1000 + ".") * 10],
    ids=lambda token: str(token)[:12],
)  # fmt: skip
def test_a_malformed_device_token_is_not_recognised(
    devices: HmacDevices, token: str | None
) -> None:
    assert devices.recognise(token, ADA) is None


def test_an_altered_token_is_not_recognised(devices: HmacDevices) -> None:
    token = devices.issue(ADA)
    device, code = token.split(".")

    altered = {
        "upper case": token.upper(),
        "a space before": f" {token}",
        "a space behind": f"{token} ",
        "a line end": f"{token}\n",
        "a longer code": f"{token}0",
        "a shorter code": token[:-1],
        "another part": f"{token}.0",
        "a longer device": f"0{token}",
        "swapped": f"{code}.{device}",
        "another device": f"{devices.issue(ADA).split('.')[0]}.{code}",
        "no code": f"{device}.",
        "no dot": device + code,
        **{
            f"another digit at {place}": token[:place] + flipped(token[place]) + token[place + 1 :]
            for place in range(len(token))
            if token[place] != "."
        },
    }
    recognised = [what for what, each in altered.items() if devices.recognise(each, ADA)]

    assert [what for what in recognised if altered[what] != token] == []
    assert len(altered) == 12 + 96


def flipped(digit: str) -> str:
    return f"{int(digit, 16) ^ 1:x}"


NETWORK = "192.0.2.1"


def test_a_network_has_one_digest_for_each_user(devices: HmacDevices, key: SigningKey) -> None:
    [digest] = devices.network_digests(ADA, NETWORK)

    assert devices_of(key).network_digests(ADA, NETWORK) == [digest]
    others = {
        *devices.network_digests(EVE, NETWORK),
        *devices.network_digests(None, NETWORK),
        *devices.network_digests(ADA, "192.0.2.2"),
        *devices.network_digests(ADA.with_new_password("another hash", NOW), NETWORK),
    }
    assert digest not in others
    assert len(others) == 4


def test_the_digest_of_a_network_under_an_earlier_secret_comes_after_the_present_one() -> None:
    one, other = HmacDevices(lambda: [b"one"]), HmacDevices(lambda: [b"other"])
    both = HmacDevices(lambda: [b"other", b"one"])

    assert both.network_digests(ADA, NETWORK) == [
        *other.network_digests(ADA, NETWORK),
        *one.network_digests(ADA, NETWORK),
    ]
