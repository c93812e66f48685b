"""The audit log: rows that can only be added at the end and taken away from the beginning.

Revision: 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INDEXES = {
    "audit_events_at_idx": ["at"],
    "audit_events_user_id_number_idx": ["user_id", "number"],
    "audit_events_actor_id_number_idx": ["actor_id", "number"],
    "audit_events_what_number_idx": ["what", "number"],
    "audit_events_outcome_number_idx": ["outcome", "number"],
}

# To forget an address leaves its digest, which is in the chain. And rows go only when the start
# of the chain has been moved behind them.
_POSTGRESQL = (
    """
CREATE FUNCTION doorward_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.number <= (SELECT start_number FROM audit_chain) THEN RETURN OLD; END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF NEW.address IS NULL AND NEW.address_salt IS NULL AND
            to_jsonb(NEW) - 'address' - 'address_salt'
            = to_jsonb(OLD) - 'address' - 'address_salt' THEN RETURN NEW; END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END
$$
""",
    """
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
FOR EACH ROW EXECUTE FUNCTION doorward_append_only()
""",
    """
CREATE TRIGGER audit_events_keep BEFORE TRUNCATE ON audit_events
EXECUTE FUNCTION doorward_append_only()
""",
)
_SQLITE = (
    """
CREATE TRIGGER audit_events_append_only BEFORE UPDATE ON audit_events
WHEN NEW.address IS NOT NULL OR NEW.address_salt IS NOT NULL
    OR NEW.number <> OLD.number OR NEW.id <> OLD.id OR NEW.at <> OLD.at
    OR NEW.what <> OLD.what OR NEW.outcome <> OLD.outcome OR NEW.user_id IS NOT OLD.user_id
    OR NEW.session_id IS NOT OLD.session_id OR NEW.actor_id IS NOT OLD.actor_id
    OR NEW.detail <> OLD.detail OR NEW.request_id <> OLD.request_id
    OR NEW.address_digest <> OLD.address_digest OR NEW.previous <> OLD.previous
    OR NEW.digest <> OLD.digest
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
""",
    """
CREATE TRIGGER audit_events_keep BEFORE DELETE ON audit_events
WHEN NOT EXISTS (SELECT 1 FROM audit_chain WHERE start_number >= OLD.number)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
""",
    # REPLACE would take a row away without asking the trigger above.
    """
CREATE TRIGGER audit_events_not_replaced BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE number = NEW.number OR id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
""",
)


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(50), nullable=False),
        sa.Column("outcome", sa.String(50), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.String(32), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("detail", sa.String(255), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("address", sa.String(45), nullable=True),
        sa.Column("address_salt", sa.String(32), nullable=True),
        sa.Column("address_digest", sa.String(64), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="audit_events_pkey"),
        sa.UniqueConstraint("id", name="audit_events_id_key"),
    )
    for name, columns in _INDEXES.items():
        op.create_index(name, "audit_events", columns)
    chain = op.create_table(
        "audit_chain",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start_number", sa.BigInteger(), nullable=False),
        sa.Column("start_digest", sa.String(64), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("last_digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="audit_chain_pkey"),
    )
    nothing = {"start_number": 0, "start_digest": "0" * 64}
    nothing |= {"last_number": 0, "last_digest": "0" * 64}
    op.bulk_insert(chain, [{"id": 1, **nothing}])
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _POSTGRESQL if is_postgresql else _SQLITE:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("audit_chain")
    op.drop_table("audit_events")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION doorward_append_only()")
