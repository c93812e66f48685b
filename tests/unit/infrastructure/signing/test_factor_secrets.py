"""Second factors at rest: several secrets, the first of which encrypts."""

from uuid import UUID

import pytest

from domain.errors import SecondFactorsOff
from domain.user import UserId
from infrastructure.signing.factor_secrets import SealedFactors

OLD, NEW = b"o" * 32, b"n" * 32
SECRET = b"12345678901234567890"
ADA, EVE = UserId(UUID(int=1)), UserId(UUID(int=2))


def test_the_first_secret_encrypts_and_all_of_them_decrypt() -> None:
    sealed = SealedFactors([OLD]).seal(ADA, SECRET)
    exchanged = SealedFactors([NEW, OLD])

    assert exchanged.open(ADA, sealed) == SECRET
    assert exchanged.is_outdated(ADA, sealed)
    assert not exchanged.is_outdated(ADA, exchanged.seal(ADA, SECRET))
    assert SealedFactors([NEW]).open(ADA, exchanged.seal(ADA, SECRET)) == SECRET


@pytest.mark.parametrize("secrets", [[], [NEW]], ids=["none", "another"])
def test_without_its_secret_nothing_can_be_opened(secrets: list[bytes]) -> None:
    sealed = SealedFactors([OLD]).seal(ADA, SECRET)

    assert SealedFactors(secrets).open(ADA, sealed) is None
    assert SealedFactors(secrets).is_outdated(ADA, sealed)


def test_a_secret_is_good_for_its_user_only() -> None:
    factors = SealedFactors([OLD])

    assert factors.open(EVE, factors.seal(ADA, SECRET)) is None


@pytest.mark.parametrize("damaged", ["", "x", "AAAA", "\N{LATIN SMALL LETTER E WITH ACUTE}" * 60])
def test_a_damaged_secret_is_none(damaged: str) -> None:
    assert SealedFactors([OLD]).open(ADA, damaged) is None


def test_a_recovery_code_has_a_digest_under_each_secret() -> None:
    digests = SealedFactors([NEW, OLD]).code_digests(ADA, "K7QF2MXP9TRA")

    [old] = SealedFactors([OLD]).code_digests(ADA, "K7QF2MXP9TRA")
    assert digests[1] == old != digests[0]


def test_without_a_secret_nothing_is_encrypted() -> None:
    with pytest.raises(SecondFactorsOff):
        SealedFactors([]).seal(ADA, SECRET)
