"""Why an administrator changes something, for the audit log."""

from typing import Annotated

from litestar.params import QueryParameter

from api.schemas.members import documented
from domain.audit.reason import REASON_LENGTH

_TEXT = "Why, for the audit log; the user does not see it."

ReasonText = Annotated[
    str | None,
    documented(_TEXT, "asked for by phone, ticket 4711", max_length=REASON_LENGTH),
]
ReasonParameter = Annotated[
    str | None,
    QueryParameter(
        description=f"{_TEXT} At most {REASON_LENGTH} characters. Proxies may log it, too."
    ),
]
