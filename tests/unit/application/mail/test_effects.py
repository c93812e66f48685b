"""The effects of a change."""

from application.ports import NO_EFFECTS
from tests.unit.domain.mail.test_message import MESSAGE
from tests.unit.domain.mail.test_one_time_token import a_token


def test_effects_without_mail_leave_the_outbox_alone() -> None:
    assert not NO_EFFECTS.has_mail


def test_effects_collect_messages_in_order() -> None:
    effects = NO_EFFECTS.with_messages(MESSAGE).with_messages(MESSAGE)

    assert (effects.messages, effects.has_mail) == ((MESSAGE, MESSAGE), True)


def test_effects_name_the_token_that_is_used_up() -> None:
    effects = NO_EFFECTS.spending(a_token())

    assert (effects.spent, effects.has_mail) == (a_token(), True)
