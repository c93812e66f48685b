"""Methods of authentication, and the level that they reach."""

import pytest

from domain.authentication import Level, Method, level_of, references_of

P, T, R, K, F, M = Method


@pytest.mark.parametrize(
    ("methods", "level"),
    [
        ({P}, Level.ONE),
        ({F}, Level.ONE),
        ({T}, Level.ONE),
        ({T, R}, Level.ONE),
        ({P, F}, Level.ONE),
        ({P, T}, Level.TWO),
        ({P, R}, Level.TWO),
        ({F, T}, Level.TWO),
        ({K}, Level.TWO),
        ({M}, Level.TWO),
        (set(), Level.ONE),
    ],
)
def test_two_independent_factors_are_level_two(methods: set[Method], level: Level) -> None:
    assert level_of(methods) is level


@pytest.mark.parametrize(
    ("methods", "references"),
    [
        ({P}, ("pwd",)),
        ({P, T}, ("mfa", "otp", "pwd")),
        ({P, R}, ("mfa", "otp", "pwd")),
        ({K}, ("mfa", "pop", "user")),
        ({F}, ()),
        ({M}, ("mfa",)),
    ],
)
def test_methods_have_the_names_of_rfc_8176(
    methods: set[Method], references: tuple[str, ...]
) -> None:
    assert references_of(methods) == references


def test_the_names_of_methods_never_change() -> None:
    """Rows and clients hold them."""
    assert [*Method] == [
        "password",
        "totp",
        "recovery_code",
        "passkey",
        "federated",
        "federated_mfa",
    ]
