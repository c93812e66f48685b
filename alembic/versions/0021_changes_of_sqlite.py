"""SQLite marks the changes that make copies of users and sessions wrong, wherever it is written.

With it a worker keeps its copies while others log in or refresh. The triggers are those that
PostgreSQL has since 0003 and 0004, and those of ``OR REPLACE``, which fires none of a deletion.
The mark is a random number: it cannot be what it was before, as a count can that a change by hand
sets back.

Revision: 0021, after 0020.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

oldest_compatible = "0006"
contracts = (
    "Every statement of an earlier release works as before, and none of them reads what the "
    "triggers write."
)

# A rotation puts the end off, with another token: a copy of what was before is as good.
_WRONG_COPY = " OR ".join(
    (
        "NEW.expires_at < OLD.expires_at",
        "(NEW.expires_at <> OLD.expires_at AND NEW.token_id = OLD.token_id)",
        *(
            f"NEW.{column} <> OLD.{column}"
            for column in (
                "rowid",
                "id",
                "user_id",
                "started_at",
                "ends_at",
                "generation",
                "transport",
                "methods",
                "stepped_up",
            )
        ),
    )
)
_TRIGGERS = {
    "users_mark_updates": "AFTER UPDATE ON users",
    "users_mark_deletions": "AFTER DELETE ON users",
    "users_mark_replacements": (
        "BEFORE INSERT ON users WHEN EXISTS (SELECT 1 FROM users"
        " WHERE id = NEW.id OR email_key = NEW.email_key OR rowid = NEW.rowid)"
    ),
    "sessions_mark_ends": "AFTER DELETE ON sessions",
    "sessions_mark_wrong_copies": f"AFTER UPDATE ON sessions WHEN {_WRONG_COPY}",
    "sessions_mark_replacements": (
        "BEFORE INSERT ON sessions WHEN EXISTS"
        " (SELECT 1 FROM sessions WHERE id = NEW.id OR rowid = NEW.rowid)"
    ),
}
_MARK = "BEGIN UPDATE invalidations SET mark = random(); END"


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute("CREATE TABLE invalidations (mark INTEGER NOT NULL)")
    op.execute("INSERT INTO invalidations VALUES (random())")
    for name, when in _TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {when} {_MARK}")


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for name in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name}")
    op.execute("DROP TABLE invalidations")
