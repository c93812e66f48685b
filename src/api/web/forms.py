"""Read what people have typed into a form."""

from dataclasses import dataclass, field

from api.json_request import JsonRequest, form_fields
from domain.errors import InvalidInput, Problem

_SECRETS = frozenset({"password", "current_password", "new_password"})

FORM = "form"
"""In the state of a request: the form that was read."""


@dataclass(slots=True)
class Form:
    """The fields of a form, and what is wrong with them.

    :ivar values: by field. What a page shows again is escaped there; passwords are not shown.
    """

    values: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    @property
    def has_secret(self) -> bool:
        """Return whether a password was typed, which no page repeats."""
        return any(self[name] for name in _SECRETS)

    def problem_of(self, name: str) -> Problem | None:
        return next((each for each in self.problems if each.field == name), None)


async def read_form(request: JsonRequest) -> Form:
    """Return the fields of a form that was sent as ``application/x-www-form-urlencoded``.

    It is read once: later calls return the same form.

    :raises HTTPException: 415, it was sent as something else.
    :raises InvalidInput: it is not in UTF-8, has a field twice or too many fields.
    """
    known: Form | None = request.scope["state"].get(FORM)
    if known is not None:
        return known
    pairs = await form_fields(request)
    values = dict(pairs)
    if len(values) != len(pairs):
        raise InvalidInput(Problem("body", "has a field twice"))
    form = Form(values)
    request.scope["state"][FORM] = form
    return form
