"""Addresses of the operator, with a name to display."""

import re
from dataclasses import dataclass

from domain.email import Email
from domain.errors import InvalidInput

_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with a name to display.

    :ivar address: in ASCII.
    """

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def mailbox(text: str) -> Mailbox:
    """Parse ``no-reply@example.com`` or ``Example <no-reply@example.com>``.

    :raises ValueError: it is neither.
    """
    found = re.fullmatch(r"([^<>]*)<([^<>]+)>", text)
    name, address = (found[1].strip(), found[2]) if found else ("", text)
    name = name[1:-1].strip() if re.fullmatch(r'".*"', name) else name
    try:
        key = Email.parse(address).key
    except InvalidInput:
        key = ""
    if not key or not key.isascii() or not name.isprintable() or len(name) > _NAME_LENGTH:
        raise ValueError(
            "must be an address such as no-reply@example.com or Example <no-reply@example.com>"
        )
    return Mailbox(key, name)
