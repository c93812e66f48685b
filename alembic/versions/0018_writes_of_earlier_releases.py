"""What a node of an earlier release writes about a user with a second factor.

* It sets a new password where it looks for one: the database moves the hash to ``guarded_hash``,
  or that node would log in with the password alone (docs/adr/0049).
* It deletes a user, and knows nothing of the factors: the database deletes them.

Revision: 0018, after 0017.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

oldest_compatible = "0006"
contracts = (
    "Every statement of an earlier release works as before, and none of them reads what the "
    "triggers write."
)

_POSTGRESQL = [
    """
CREATE FUNCTION doorward_guard_hash() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.guarded_hash := NEW.password_hash;
    NEW.password_hash := '';
    RETURN NEW;
END
$$
""",
    """
CREATE TRIGGER users_guard_hash BEFORE UPDATE ON users FOR EACH ROW
WHEN (NEW.guarded_hash IS NOT NULL AND NEW.password_hash <> '')
EXECUTE FUNCTION doorward_guard_hash()
""",
    """
CREATE FUNCTION doorward_forget_factors() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM second_factors WHERE user_id = OLD.id;
    DELETE FROM passkeys WHERE user_id = OLD.id;
    DELETE FROM passkey_handles WHERE user_id = OLD.id;
    DELETE FROM challenges WHERE user_id = OLD.id;
    RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER users_forget_factors AFTER DELETE ON users FOR EACH ROW
EXECUTE FUNCTION doorward_forget_factors()
""",
]
_SQLITE = [
    """
CREATE TRIGGER users_guard_hash AFTER UPDATE ON users
WHEN NEW.guarded_hash IS NOT NULL AND NEW.password_hash <> ''
BEGIN
    UPDATE users SET guarded_hash = NEW.password_hash, password_hash = '' WHERE id = NEW.id;
END
""",
    """
CREATE TRIGGER users_forget_factors AFTER DELETE ON users
BEGIN
    DELETE FROM second_factors WHERE user_id = OLD.id;
    DELETE FROM passkeys WHERE user_id = OLD.id;
    DELETE FROM passkey_handles WHERE user_id = OLD.id;
    DELETE FROM challenges WHERE user_id = OLD.id;
END
""",
]


def upgrade() -> None:
    for statement in _POSTGRESQL if _is_postgresql() else _SQLITE:
        op.execute(statement)


def downgrade() -> None:
    on_users = " ON users" if _is_postgresql() else ""
    op.execute(f"DROP TRIGGER users_forget_factors{on_users}")
    op.execute(f"DROP TRIGGER users_guard_hash{on_users}")
    if on_users:
        op.execute("DROP FUNCTION doorward_forget_factors()")
        op.execute("DROP FUNCTION doorward_guard_hash()")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
