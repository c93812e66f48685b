"""Challenges."""

from dataclasses import replace

import pytest

from domain.second_factors.challenge import LIFETIME, MAX_TRIES, Ceremony, Challenge, digest_of
from domain.user import User
from tests.support.builders import MICROSECOND, NOW, a_user

ADA = a_user(generation=3)
CHALLENGE = Challenge(
    digest_of("secret"), Ceremony.SECOND_FACTOR, NOW + LIFETIME, ADA.id, 3, "a device", tries=1
)


def test_a_challenge_is_answerable_by_its_client_until_it_expires() -> None:
    last = NOW + LIFETIME - MICROSECOND

    assert CHALLENGE.is_answerable(Ceremony.SECOND_FACTOR, "a device", last)
    assert not CHALLENGE.is_answerable(Ceremony.SECOND_FACTOR, "a device", NOW + LIFETIME)
    assert not CHALLENGE.is_answerable(Ceremony.SECOND_FACTOR, "another device", NOW)
    assert not CHALLENGE.is_answerable(Ceremony.PASSKEY_ASSERTION, "a device", NOW)


@pytest.mark.parametrize(("tries", "is_good"), [(MAX_TRIES, True), (MAX_TRIES + 1, False)])
def test_a_challenge_has_five_tries(tries: int, is_good: bool) -> None:
    tried = replace(CHALLENGE, tries=tries)

    assert tried.is_answerable(Ceremony.SECOND_FACTOR, "a device", NOW) == is_good


@pytest.mark.parametrize(
    ("user", "is_good"),
    [
        (ADA, True),
        (replace(ADA, generation=4), False),
        (replace(ADA, disabled=True), False),
        (a_user(generation=3), False),
    ],
)
def test_a_challenge_ends_with_the_sessions_of_its_user(user: User, is_good: bool) -> None:
    assert CHALLENGE.is_for(user) == is_good
