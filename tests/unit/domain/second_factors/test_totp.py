"""RFC 6238."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.second_factors.totp import (
    Issuer,
    code_at,
    matching_step,
    step_at,
    text_of,
    uri_of,
)

SECRET = b"12345678901234567890"  # of the RFCs


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238_appendix_b(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)

    assert code_at(SECRET, step_at(now), digits=8) == code
    assert matching_step(SECRET, code[2:], now) == seconds // 30


@pytest.mark.parametrize(
    ("counter", "code"), [(0, "755224"), (1, "287082"), (2, "359152"), (9, "520489")]
)
def test_the_vectors_of_rfc_4226_appendix_d(counter: int, code: str) -> None:
    assert code_at(SECRET, counter) == code


@pytest.mark.parametrize(
    ("late", "is_good"), [(-31, False), (-30, True), (29, True), (59, True), (60, False)]
)
def test_a_code_is_good_one_step_early_and_one_late(late: int, is_good: bool) -> None:
    now = datetime.fromtimestamp(1_800_000_000, UTC)
    code = code_at(SECRET, step_at(now))

    found = matching_step(SECRET, code, now + timedelta(seconds=late))

    assert found == (step_at(now) if is_good else None)


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666", "-12345"]
)
def test_a_text_that_is_no_code_matches_nothing(typed: str) -> None:
    assert matching_step(SECRET, typed, datetime.now(UTC)) is None


def test_blanks_in_a_code_do_not_matter() -> None:
    now = datetime.fromtimestamp(59, UTC)

    assert matching_step(SECRET, "287 082", now) == 1


def test_the_uri_has_what_authenticator_apps_read() -> None:
    assert text_of(SECRET) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert uri_of(SECRET, Issuer("Ada: Co"), "ada@example.org") == (
        "otpauth://totp/Ada%20%20Co:ada%40example.org"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Ada%20%20Co"
        "&algorithm=SHA1&digits=6&period=30"
    )
