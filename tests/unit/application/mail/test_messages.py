"""The messages that use cases make."""

from datetime import timedelta

import pytest

from application.mail.messages import MailPolicy, MakeMessage
from domain.errors import InvalidInput, MailOff, Problem
from domain.mail.message import MailKind
from tests.support.builders import NOW, a_user, new_id
from tests.support.doubles import SettableClock


def make_message(policy: MailPolicy | None = None) -> MakeMessage:
    return MakeMessage(policy or MailPolicy(), SettableClock(NOW), new_id)


def test_a_message_expires_with_its_link() -> None:
    message = make_message()(MailKind.PASSWORD_RESET, a_user().email)

    assert message.expires_at - message.created_at == timedelta(minutes=30)


def test_a_message_is_in_the_language_of_its_user() -> None:
    assert (
        make_message()(MailKind.NEW_DEVICE, a_user().email, user=a_user(locale="de")).locale
        == "de"
    )


@pytest.mark.parametrize(
    ("kind", "generation"), [(MailKind.EMAIL_CHANGE, 3), (MailKind.EMAIL_CHANGED, None)]
)
def test_a_new_address_is_bound_to_the_generation(kind: MailKind, generation: int | None) -> None:
    message = make_message()(kind, a_user().email, user=a_user(generation=3))

    assert message.generation == generation


def test_a_notice_goes_to_the_address_of_its_user() -> None:
    [message] = make_message().notice(MailKind.ACCOUNT_CHANGED, a_user(), {"role": "admin"})

    assert (message.to, message.facts) == (a_user().email, {"role": "admin"})


@pytest.mark.parametrize(
    "policy", [MailPolicy(is_on=False), MailPolicy(notices=frozenset({MailKind.NEW_DEVICE}))]
)
def test_a_notice_that_is_off_is_not_made(policy: MailPolicy) -> None:
    assert make_message(policy).notice(MailKind.ACCOUNT_CHANGED, a_user()) == ()


def test_only_configured_pages_can_be_chosen_for_links() -> None:
    policy = MailPolicy(link_targets=frozenset({"https://app.example.com/reset"}))

    assert policy.choose_link(None) is None
    assert policy.choose_link("https://app.example.com/reset") == "https://app.example.com/reset"
    with pytest.raises(InvalidInput) as refused:
        policy.choose_link("https://app.example.com/reset?next=https://evil.example")
    problem = Problem("link_target", "is none of the pages that are configured")
    assert refused.value.problems == (problem,)


def test_mail_can_be_off() -> None:
    MailPolicy().require_mail()
    with pytest.raises(MailOff):
        MailPolicy(is_on=False).require_mail()
