"""PostgreSQL tells whose rows were changed, so that copies elsewhere are dropped.

With the commit, and whoever makes the change: a statement by hand is told as well. Rotations of a
session are not told, for a copy of what it was before is as good.

Revision: 0003, after 0002.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The table's column that names the user is the trigger's argument.
_TELL = """
CREATE FUNCTION doorward_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('doorward_changes', coalesce(to_jsonb(OLD) ->> TG_ARGV[0], ''));
    RETURN NULL;
END
$$
"""
_TRIGGERS = (
    ("users", "AFTER UPDATE OR DELETE", "ROW", "id"),
    ("sessions", "AFTER DELETE", "ROW", "user_id"),
    ("users", "AFTER TRUNCATE", "STATEMENT", "id"),
    ("sessions", "AFTER TRUNCATE", "STATEMENT", "user_id"),
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(_TELL)
    for table, event, level, column in _TRIGGERS:
        op.execute(
            f"CREATE TRIGGER {_name(table, level)} {event} ON {table} "
            f"FOR EACH {level} EXECUTE FUNCTION doorward_tell('{column}')"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, _, level, _ in _TRIGGERS:
        op.execute(f"DROP TRIGGER {_name(table, level)} ON {table}")
    op.execute("DROP FUNCTION doorward_tell()")


def _name(table: str, level: str) -> str:
    return f"{table}_tell_each_{level.lower()}"
