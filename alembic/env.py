"""Runs the migrations on the connection that ``storage.sql.migrations.runner`` hands over."""

from alembic import context
from sqlalchemy import Connection

from infrastructure.storage.sql.tables import metadata, partial_indexes  # noqa: F401 - declared


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
