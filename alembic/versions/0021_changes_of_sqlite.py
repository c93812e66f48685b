"""SQLite counts the changes that make copies of users and sessions wrong, wherever it is written.

With it a worker keeps its copies while others log in or refresh. The triggers are those that
PostgreSQL has since 0003, and those of ``INSERT OR REPLACE``, which fires none of a deletion.

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

_TRIGGERS = {
    "users_count_updates": "AFTER UPDATE ON users",
    "users_count_deletions": "AFTER DELETE ON users",
    "users_count_replacements": (
        "BEFORE INSERT ON users WHEN EXISTS"
        " (SELECT 1 FROM users WHERE id = NEW.id OR email_key = NEW.email_key)"
    ),
    "sessions_count_ends": "AFTER DELETE ON sessions",
    "sessions_count_earlier_ends": (
        "AFTER UPDATE ON sessions WHEN NEW.expires_at < OLD.expires_at"
        " OR NEW.id <> OLD.id OR NEW.user_id <> OLD.user_id"
    ),
    "sessions_count_replacements": (
        "BEFORE INSERT ON sessions WHEN EXISTS (SELECT 1 FROM sessions WHERE id = NEW.id)"
    ),
}
_COUNT = "BEGIN UPDATE invalidations SET count = count + 1; END"


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute("CREATE TABLE invalidations (count INTEGER NOT NULL)")
    op.execute("INSERT INTO invalidations VALUES (0)")
    for name, when in _TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {when} {_COUNT}")


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for name in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name}")
    op.execute("DROP TABLE invalidations")
