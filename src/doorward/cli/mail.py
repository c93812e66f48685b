"""``doorward mail …``: the outbox and the mail server, from the command line."""

from collections.abc import AsyncIterator

import click
from dishka import AsyncContainer

from application.operation.outbox import DropMail, ListMail, RetryAllMail, RetryMail, SendTestMail
from domain.actor import Operator
from domain.email import Email
from domain.errors import MailOff, NotFound
from domain.mail.message import Delivery, DeliveryState, MessageId
from doorward.cli.base.options import reason_option
from doorward.cli.base.use_cases import run_use_cases
from doorward.diagnostics.mail import MEANINGS
from infrastructure.storage.not_ready import NotReady

_PAGE = 100


@click.group()
def mail() -> None:
    """The outbox, and the mail server."""


@mail.command()
@click.argument("address")
def test(address: str) -> None:
    """Send a test mail to ADDRESS at once, as MAIL_URL says."""

    async def send(container: AsyncContainer) -> None:
        send_test_mail: SendTestMail = await container.get(SendTestMail)
        try:
            error = await send_test_mail(Email.parse(address))
        except MailOff:
            raise NotReady("mail is off: set MAIL_URL") from None
        if error:
            meaning = f" ({MEANINGS[error]})" if error in MEANINGS else ""
            raise NotReady(f"not sent: {error}{meaning}")

    run_use_cases(send)
    click.echo(f"sent to {address}")


@mail.command("list")
@click.option(
    "--state",
    type=click.Choice([state.value for state in DeliveryState]),
    help="Only mails of this state.",
)
def list_(state: str | None) -> None:
    """Print the outbox, one mail a line, the newest first.

    A line has the id, the kind, the recipient, the state, the number of attempts, the time of the
    next attempt (until it ends, of the timeout of this one), and the last error.
    """

    async def print_all(container: AsyncContainer) -> None:
        list_mail: ListMail = await container.get(ListMail)
        wanted = DeliveryState(state) if state else None
        async for each in _pages(list_mail, wanted):
            message, is_queued = each.message, each.state is DeliveryState.QUEUED
            time = each.due_at if is_queued else each.ended_at
            columns = [
                message.id,
                message.kind.value,
                message.to.address,
                each.state.value,
                f"{each.attempts} attempt{'' if each.attempts == 1 else 's'}",
                f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else "",
                each.error,
            ]
            click.echo("  ".join(columns).rstrip())

    run_use_cases(print_all)


@mail.command()
@click.argument("id", required=False)
@click.option("--all-given-up", is_flag=True, help="Retry all mails that were given up.")
@reason_option
def retry(id: str | None, all_given_up: bool, reason: str | None) -> None:  # noqa: A002 - the argument's name
    """Send the mail with this ID again: one that waits, or was given up."""
    if (id is None) is not all_given_up:
        raise click.UsageError("name one mail, or --all-given-up")

    async def queue(container: AsyncContainer) -> str:
        if id is None:
            retry_all: RetryAllMail = await container.get(RetryAllMail)
            return f"queued again: {await retry_all(Operator(), reason=reason)}"
        retry_mail: RetryMail = await container.get(RetryMail)
        try:
            found = await retry_mail(Operator(), MessageId(id), reason=reason)
        except NotFound:
            raise _unknown(id) from None
        return f"the mail to {found.message.to.address} is queued again"

    click.echo(run_use_cases(queue))


@mail.command()
@click.argument("id")
@reason_option
def drop(id: str, reason: str | None) -> None:  # noqa: A002 - the argument's name
    """Delete the mail with this ID from the outbox."""

    async def delete(container: AsyncContainer) -> str:
        drop_mail: DropMail = await container.get(DropMail)
        try:
            return (await drop_mail(Operator(), MessageId(id), reason=reason)).message.to.address
        except NotFound:
            raise _unknown(id) from None

    click.echo(f"the mail to {run_use_cases(delete)} is deleted")


async def _pages(list_mail: ListMail, state: DeliveryState | None) -> AsyncIterator[Delivery]:
    page = await list_mail(Operator(), state, None, _PAGE)
    while True:
        for each in page.items:
            yield each
        if page.next is None:
            return
        page = await list_mail(Operator(), state, page.next, _PAGE)


def _unknown(message_id: str) -> NotReady:
    return NotReady(f"no mail has the id {message_id}")
