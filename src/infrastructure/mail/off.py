"""No mail."""

from application.ports import Letter, MailRefused, MailSender


class NoMail(MailSender):
    """Refuses each letter: an installation without mail queues none."""

    async def send(self, letter: Letter) -> None:  # noqa: ARG002 - the port's
        raise MailRefused("mail_off")
