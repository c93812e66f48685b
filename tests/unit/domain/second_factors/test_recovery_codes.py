"""Recovery codes."""

import pytest

from domain.second_factors.recovery_codes import LENGTH, canonical, code_of


def test_a_code_has_60_bits_in_groups() -> None:
    code = code_of(bytes(range(LENGTH)))

    assert code == "ABCD-EFGH-JKLM"
    assert code_of(bytes(range(32, 32 + LENGTH))) == code
    assert len({code_of(bytes([octet] * LENGTH)) for octet in range(256)}) == 32


@pytest.mark.parametrize("typed", ["K7QF-2MXP-9TRA", "k7qf2mxp9tra", " K7QF 2MXP 9TRA "])
def test_case_blanks_and_dashes_do_not_matter(typed: str) -> None:
    assert canonical(typed) == "K7QF2MXP9TRA"


@pytest.mark.parametrize(
    "typed", ["", "K7QF-2MXP-9TR", "K7QF2MXP9TRAA", "K7QF-2MXP-9TR0", "-" * 41]
)
def test_another_text_is_no_code(typed: str) -> None:
    assert canonical(typed) is None
