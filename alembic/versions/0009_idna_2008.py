"""The domains of addresses are compared as UTS 46 says (IDNA 2008): see docs/adr/0038.

``straße.de`` had the key of ``strasse.de``. No statement changes, but a node of the release before
does not find a user with such an address, and stores the old key of one who registers there: run
`doorward migrate up` again when the last of them has ended.

Revision: 0009, after 0008.
"""

import unicodedata

from alembic import op

from infrastructure.storage.sql.migrations.email_keys import rekey

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

oldest_compatible = "0006"


def upgrade() -> None:
    rekey(op.get_bind())


def downgrade() -> None:
    rekey(op.get_bind(), key_before)


def key_before(address: str) -> str | None:
    """Return the key in the releases before (IDNA 2003); ``None`` if they refuse the address."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address).casefold())
    local, _, domain = folded.rpartition("@")
    try:
        ascii_domain = domain.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    return f"{local}@{ascii_domain}"
