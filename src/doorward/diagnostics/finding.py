"""What a check of ``doorward doctor`` found."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "FAIL", "warn", "info"]


def counted(number: int, noun: str) -> str:
    """Return such as ``1 passkey`` or ``2 passkeys``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, printed as one line."""

    verdict: Verdict
    subject: str
    text: str
