"""A model of logins and tokens that uses nothing of the code under test.

A login has generations of tokens. It ends by a revocation or at its expiry.
"""

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import pairwise
from math import ceil
from typing import Any

from domain.user import UserId

SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)
GRACE, ACCESS = 10 * SECOND, 300 * SECOND
IDLE, ABSOLUTE = 1200 * SECOND, 1260 * SECOND
LEEWAY = 30 * SECOND
STEP_UP = 600 * SECOND


class Verdict(Enum):
    """The expected result of a refresh with a token."""

    SUCCESSOR = auto()
    REPETITION = auto()
    REUSE = auto()
    REFUSED = auto()
    UNCLEAR = auto()
    """It expires about now, within the leeway between two clocks."""


class Answer(Enum):
    """The expected result of any other use of a token."""

    GOOD = auto()
    BAD = auto()
    EITHER = auto()


def whole_milliseconds(time: timedelta) -> timedelta:
    return max(ceil(time / MILLISECOND), 1) * MILLISECOND


def read(token: str) -> dict[str, Any]:
    """Return the claims of a token without verifying it."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


@dataclass
class UserModel:
    email: str
    id: UserId
    password: str
    is_disabled: bool = False
    has_factor: bool = False

    @property
    def methods(self) -> frozenset[str]:
        """What a login has to show."""
        return frozenset({"password", "totp"} if self.has_factor else {"password"})

    @property
    def strongest(self) -> str:
        """What a step-up has to show."""
        return "totp" if self.has_factor else "password"


@dataclass
class Generation:
    """
    :ivar access: and ``refresh``: the tokens; empty until they are issued.
    """

    made_at: datetime
    ends_at: datetime
    access: str = ""
    refresh: str = ""

    @property
    def has_time(self) -> bool:
        """Whether the token is valid at all: its times are whole seconds, and may be equal."""
        return self.made_at.replace(microsecond=0) < self.ends_at.replace(microsecond=0)

    def answer(self, kind: str, now: datetime) -> Answer:
        """Return the result that follows from the time alone."""
        ends_at = min(self.ends_at, self.made_at + ACCESS) if kind == "access" else self.ends_at
        if now >= ends_at + LEEWAY or not self.has_time:
            return Answer.BAD
        return Answer.GOOD if now <= ends_at - SECOND else Answer.EITHER


@dataclass
class Login:
    id: str
    user_model: UserModel
    started_at: datetime
    methods: frozenset[str]
    is_stepped_up: bool = False
    is_revoked: bool = False
    generations: list[Generation] = field(default_factory=list)

    def rotate(self, now: datetime) -> Generation:
        new = Generation(now, min(now + IDLE, self.started_at + ABSOLUTE))
        self.generations.append(new)
        return new

    @property
    def level(self) -> int:
        return 2 if "totp" in self.methods else 1

    def allows_sensitive_steps(self, now: datetime) -> bool:
        return self.is_stepped_up and now < self.started_at + STEP_UP

    def has_ended(self, now: datetime) -> bool:
        return self.is_revoked or now >= self.generations[-1].ends_at

    def known(self, age: int) -> Generation | None:
        """Return a generation whose tokens were issued; 0 is the newest."""
        known = [each for each in self.generations if each.refresh]
        return known[max(-1 - age, -len(known))] if known else None

    def authenticates(self, token: Generation, now: datetime) -> Answer:
        if self.has_ended(now) or self.user_model.is_disabled:
            return Answer.BAD
        return token.answer("access", now)

    def was_spent_within_the_grace_period(self, token: Generation, now: datetime) -> bool:
        """Whether it is one of the last four tokens, spent within the grace period.

        Times between rotations count in whole milliseconds.
        """
        times = [each.made_at for each in self.generations]
        age = len(times) - 1 - self.generations.index(token)
        intervals = [later - earlier for earlier, later in pairwise(times)][::-1][: age - 1]
        spent_before = sum((whole_milliseconds(each) for each in intervals), timedelta())
        return age <= 4 and now - times[-1] + spent_before < GRACE

    def refreshes(self, token: Generation, now: datetime) -> Verdict:
        by_time = token.answer("refresh", now)
        if self.has_ended(now) or self.user_model.is_disabled or by_time is Answer.BAD:
            return Verdict.REFUSED
        if token is self.generations[-1]:
            return Verdict.SUCCESSOR
        if self.was_spent_within_the_grace_period(token, now):
            return Verdict.REPETITION
        return Verdict.REUSE if by_time is Answer.GOOD else Verdict.UNCLEAR
