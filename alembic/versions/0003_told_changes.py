"""PostgreSQL tells whose rows were changed, so that copies elsewhere are dropped.

With the commit, and whoever makes the change: a statement by hand is told as well. A rotation of a
session, which puts its end off, is not told: a copy of what it was before is as good.

Revision: 0003, after 0002.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The name of the column that holds the user's id is the trigger's argument.
_FUNCTION = """
CREATE FUNCTION doorward_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('doorward_changes', coalesce(to_jsonb(OLD) ->> TG_ARGV[0], ''));
    RETURN NULL;
END
$$
"""
_TRIGGERS = {
    "users_tell_changes": "AFTER UPDATE OR DELETE ON users FOR EACH ROW",
    "users_tell_truncation": "AFTER TRUNCATE ON users",
    "sessions_tell_ends": "AFTER DELETE ON sessions FOR EACH ROW",
    "sessions_tell_earlier_ends": (
        "AFTER UPDATE ON sessions FOR EACH ROW WHEN (NEW.expires_at < OLD.expires_at"
        " OR NEW.id <> OLD.id OR NEW.user_id <> OLD.user_id)"
    ),
    "sessions_tell_truncation": "AFTER TRUNCATE ON sessions",
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(_FUNCTION)
    for name, when in _TRIGGERS.items():
        column = "user_id" if _table(name) == "sessions" else "id"
        op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION doorward_tell('{column}')")
        # Also what logical replication writes.
        op.execute(f"ALTER TABLE {_table(name)} ENABLE ALWAYS TRIGGER {name}")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for name in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON {_table(name)}")
    op.execute("DROP FUNCTION doorward_tell()")


def _table(trigger: str) -> str:
    return trigger.partition("_")[0]
