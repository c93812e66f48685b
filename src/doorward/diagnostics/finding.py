"""What a check of ``doorward doctor`` found."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "FAIL", "warn", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, printed as one line."""

    verdict: Verdict
    subject: str
    text: str
