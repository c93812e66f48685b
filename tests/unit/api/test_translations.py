"""The texts of the pages."""

from datetime import UTC, datetime

import pytest

from api.web.translations import Translations
from domain.outcome import Outcome

LANGUAGES = [language for language, _ in Translations().languages]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_outcome_has_a_text_of_its_own(language: str) -> None:
    texts = Translations().in_language(language)

    assert len({texts.of_outcome(outcome) for outcome in Outcome}) == len(Outcome)


def test_days_in_english_have_no_leading_zero() -> None:
    texts, day = Translations().in_language("en"), datetime(2026, 12, 1, 8, 5, tzinfo=UTC)

    shown = {name: day.strftime(texts(f"base.{name}")) for name in ("date", "day", "time")}

    assert shown == {
        "date": "1 December 2026",
        "day": "1 Dec",
        "time": "1 December 2026, 08:05 UTC",
    }
