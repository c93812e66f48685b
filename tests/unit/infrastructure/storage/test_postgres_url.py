"""URLs of PostgreSQL as hosting providers and other tools write them."""

import logging
import ssl
from pathlib import Path
from typing import Any

import pytest

from infrastructure.config.settings import Settings
from infrastructure.storage.options import InvalidUrl
from infrastructure.storage.sql.connection import url as urls
from infrastructure.storage.sql.connection.url import address_of, connect_options
from tests.support.certificates import Authority


@pytest.fixture(autouse=True)
def without_files_of_libpq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    urls._log_ignored.cache_clear()


def arguments(url: str) -> dict[str, Any]:
    """Return the arguments of asyncpg."""
    parsed, options = connect_options(url)
    [_, found] = parsed.get_dialect()().create_connect_args(parsed)
    return {**found, **options}


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgresql://app@/app?host=/run/postgresql", "/run/postgresql", None),
        ("postgresql://app@%2Frun%2Fpostgresql/app", "/run/postgresql", None),
        ("postgresql://app@%2Frun%2Fpostgresql:5433/app", "/run/postgresql", 5433),
        (
            "postgresql:///app?host=/cloudsql/project:zone:db&user=app",
            "/cloudsql/project:zone:db",
            None,
        ),
        ("postgresql:///app?host=db.example&port=6432&user=app", "db.example", 6432),
        ("postgresql://app@[2001:db8::1]:5433/app", "2001:db8::1", 5433),
        ("postgresql://app:a,b@db/app", "db", None),
        ("postgresql://app:a,b/c@db/app", "db", None),
        ("postgresql://app@a:1,b/app", ["a", "b"], [1, 5432]),
        ("postgresql://app@a,b/app?target_session_attrs=any", ["a", "b"], [5432, 5432]),
        ("postgresql:///app?host=a,b&port=1,2&user=app", ["a", "b"], [1, 2]),
    ],
)
def test_hosts_and_unix_sockets_reach_the_driver(url: str, host: object, port: object) -> None:
    found = arguments(url)

    assert (found["host"], found.get("port")) == (host, port)
    assert (found["user"], found["database"]) == ("app", "app")


def test_the_variable_for_the_host_may_be_the_folder_of_a_unix_socket() -> None:
    settings = Settings.read({"POSTGRES_HOST": "/run/postgresql", "POSTGRES_PORT": "5433"})

    found = arguments(settings.storage.users_at)

    assert (found["host"], found["port"]) == ("/run/postgresql", 5433)
    assert address_of(settings.storage.users_at) == "the Unix socket in /run/postgresql"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("application_name=door", {"server_settings": {"application_name": "door"}}),
        ("options=-c%20work_mem%3D8MB", {"server_settings": {"options": "-c work_mem=8MB"}}),
        ("currentSchema=app", {"server_settings": {"search_path": '"app"'}}),
        ("statement_timeout=5s", {"server_settings": {"statement_timeout": "5s"}}),
        ("target_session_attrs=read-write", {"target_session_attrs": "read-write"}),
        ("sslmode=require&sslnegotiation=direct", {"ssl": "require", "direct_tls": True}),
        ("ssl=true", {"ssl": "require"}),
        ("ssl=prefer", {"ssl": "prefer"}),
        ("ssl=false", {"ssl": "disable"}),
    ],
)
def test_options_that_the_driver_knows_are_honoured(query: str, expected: dict[str, Any]) -> None:
    assert connect_options(f"postgresql://app@db/app?{query}")[1] == expected


@pytest.mark.parametrize(
    ("query", "ignored"),
    [
        ("sslmode=require&channel_binding=require", {"channel_binding"}),  # Neon
        ("sslmode=require&supa=base-pooler.x", {"supa"}),  # Supabase, by Vercel
        (
            "schema=public&connection_limit=1&pool_timeout=5&pgbouncer=true",  # Prisma
            {"connection_limit", "pool_timeout", "pgbouncer"},
        ),
        ("connect_timeout=10&keepalives=1", {"connect_timeout", "keepalives"}),  # libpq
        ("gssencmode=prefer", {"gssencmode"}),
    ],
)
def test_harmless_options_of_others_are_ignored_with_one_line_each(
    query: str, ignored: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        connect_options(f"postgresql://app:s3cret@db/app?{query}")

    logged = [each.msg for each in caplog.records if isinstance(each.msg, dict)]
    assert sorted(each["option"] for each in logged) == sorted(ignored)
    assert all(each["event"] == "postgres_url_option_ignored" for each in logged)
    assert all(each.levelno == logging.WARNING for each in caplog.records)
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("service=app&passfile=x", "unknown option: passfile, service"),
        ("requirepeer=postgres", "unknown option: requirepeer"),
        ("sslaccept=strict", "unknown option: sslaccept"),
        ("gssencmode=require", "gssencmode=require"),
        ("target_session_attrs=standby", "target_session_attrs that is none of"),
        ("sslmode=on", "sslmode that is none of"),
        ("sslmode=verify-ca", "needs sslrootcert=FILE"),
        ("sslmode=verify-ca&sslrootcert=system", "needs verify-full"),
        ("sslrootcert=/ca.pem", "has sslrootcert, which needs sslmode=verify-full"),
        ("sslmode=prefer&sslcert=/c.pem", "has sslcert, which needs sslmode=verify-full"),
        ("sslmode=verify-full&sslrootcert=/no/ca.pem", "sslrootcert that cannot be read: No such"),
        ("sslmode=require&sslcert=/no/c.pem", "sslcert or sslkey that cannot be read: No such"),
        ("sslmode=require&ssl_min_protocol_version=TLSv1", "ssl_min_protocol_version"),
        ("host=a,b&port=1", "as many ports as hosts"),
        ("host=a&port=x", "a port that is no number"),
    ],
)
def test_an_unsupported_option_is_refused_by_its_name(query: str, reason: str) -> None:
    with pytest.raises(InvalidUrl) as refused:
        connect_options(f"postgresql://app:s3cret@/app?{query}")

    assert reason in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("s3cret")

    with pytest.raises(InvalidUrl, match=r"sslrootcert that cannot be read: it is not in PEM"):
        connect_options(f"postgresql://db/app?sslmode=verify-full&sslrootcert={file}")


@pytest.mark.parametrize(
    ("query", "checks_name", "verifies"),
    [
        ("sslmode=verify-full", True, ssl.CERT_REQUIRED),
        ("sslmode=verify-full&sslrootcert=system", True, ssl.CERT_REQUIRED),
        ("sslmode=verify-full&sslrootcert={ca}", True, ssl.CERT_REQUIRED),
        ("sslmode=verify-ca&sslrootcert={ca}", False, ssl.CERT_REQUIRED),
        ("sslmode=require&sslrootcert={ca}", False, ssl.CERT_REQUIRED),  # as libpq
        ("sslmode=require&ssl_min_protocol_version=TLSv1.3", False, ssl.CERT_NONE),
    ],
)
def test_a_certificate_is_verified_as_the_mode_says(
    tmp_path: Path, query: str, checks_name: bool, verifies: ssl.VerifyMode
) -> None:
    authority = Authority(tmp_path)
    _, options = connect_options(f"postgresql://db/app?{query.format(ca=authority.file)}")

    context = options["ssl"]
    assert (context.check_hostname, context.verify_mode) == (checks_name, verifies)
    is_private = "{ca}" in query
    assert not is_private or [
        dict(x[0] for x in each["subject"]) for each in context.get_ca_certs()
    ] == [{"commonName": authority.name}]


@pytest.mark.parametrize("where", ["home", "variable"])
def test_the_ca_of_libpq_is_used_where_the_url_names_none(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    if where == "home":
        (tmp_path / ".postgresql").mkdir()
        authority.file.rename(tmp_path / ".postgresql/root.crt")
    else:
        monkeypatch.setenv("PGSSLROOTCERT", str(authority.file))

    _, options = connect_options("postgresql://db/app?sslmode=verify-ca")

    assert len(options["ssl"].get_ca_certs()) == 1


@pytest.mark.parametrize("url", ["sqlite://users.db", "sqlite://", "sqlite:///:memory:"])
def test_an_sqlite_url_without_a_file_shows_both_forms(url: str) -> None:
    with pytest.raises(InvalidUrl, match=r"sqlite:///users\.db .* sqlite:////srv/users\.db"):
        connect_options(url)
