"""Members that several bodies have, with the limits that the document states.

msgspec does not check these limits: the domain does, and words the errors.
"""

from typing import Annotated, Any

from msgspec import Meta

from domain.email import EMAIL_LENGTH
from domain.passwords.password import LONGEST_IN_CHARACTERS
from domain.user import LOCALE_LENGTH, NAME_LENGTH, PHOTO_LENGTH


def documented(description: str, *examples: str, **schema: Any) -> Meta:
    """Return an annotation that only the OpenAPI document shows.

    :param schema: members of the JSON schema, in snake case: ``max_length`` …
    """
    return Meta(
        description=description, examples=list(examples), extra_json_schema={"extra": schema}
    )


NAME = documented("The user's name.", "Ada Lovelace", min_length=1, max_length=NAME_LENGTH)
PHOTO = documented("A file name or an http(s) URL.", "ada.png", max_length=PHOTO_LENGTH)
LOCALE = documented(
    "The language of mails, as a tag (RFC 5646).", "en", "de", max_length=LOCALE_LENGTH
)
EmailText = Annotated[
    str,
    documented(
        "An address; its case does not matter.",
        "ada@example.com",
        format="idn-email",
        max_length=EMAIL_LENGTH,
    ),
]
PasswordText = Annotated[
    str,
    documented("The password.", "correct horse battery staple", max_length=LONGEST_IN_CHARACTERS),
]
NewPasswordText = Annotated[
    str,
    documented(
        "The new password: not a common one, nor the user's name or address.",
        "a better one than before",
        max_length=LONGEST_IN_CHARACTERS,
    ),
]
