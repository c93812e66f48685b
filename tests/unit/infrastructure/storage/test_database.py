"""Database URLs, and a busy database."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from domain.errors import Unavailable
from infrastructure.config.settings import Settings
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.connection.url import connect_options
from infrastructure.storage.stores import open_stores
from tests.support.builders import a_user


def refusal_of(url: str) -> str:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the caller looks at the message
        connect_options(url)
    return str(refused.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_all_names_of_postgresql_mean_asyncpg(scheme: str) -> None:
    url, options = connect_options(f"{scheme}://ada:secret@db.example.org:5433/doorward")

    assert url.drivername == "postgresql+asyncpg"
    assert (url.username, url.password) == ("ada", "secret")
    assert (url.host, url.port, url.database) == ("db.example.org", 5433, "doorward")
    assert options == {}


@pytest.mark.parametrize(
    ("url", "path"), [("sqlite:///here.db", "here.db"), ("sqlite:////var/here.db", "/var/here.db")]
)
def test_sqlite_means_pythons_own_driver(url: str, path: str) -> None:
    parsed, options = connect_options(url)

    assert (parsed.drivername, parsed.database) == ("sqlite+direct", path)
    assert options == {}


def test_the_schema_of_other_tools_becomes_the_search_path() -> None:
    url, options = connect_options("postgresql://ada@db/doorward?schema=public")

    assert options == {"server_settings": {"search_path": '"public"'}}
    assert not url.query


def test_the_sslmode_of_other_tools_becomes_asyncpgs() -> None:
    url, options = connect_options("postgresql://ada@db/doorward?sslmode=require&schema=app")

    assert options == {"ssl": "require", "server_settings": {"search_path": '"app"'}}
    assert not url.query


def test_escaped_characters_of_a_password_are_read() -> None:
    url, _ = connect_options("postgresql://ada:p%40ss%2Fw%3Ard%25@db/doorward")

    assert url.password == "p@ss/w:rd%"


def test_an_unknown_option_is_named() -> None:
    assert refusal_of("postgresql://db/doorward?service=x&schema=public&a=b") == (
        "has an unknown option: a, service"
    )


@pytest.mark.parametrize("url", ["", "doorward", "/var/doorward.db", "postgresql:", "memory:"])
def test_an_invalid_database_url_is_refused(url: str) -> None:
    assert refusal_of(url).startswith("is not a database URL")


@pytest.mark.parametrize("url", ["sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_sqlite_needs_a_file(url: str) -> None:
    assert refusal_of(url)


def test_a_database_that_is_not_known_is_refused() -> None:
    assert refusal_of("mysql://ada:secret@db/doorward")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:secret@db:secret/doorward",
        "postgresql://ada:an@secret:secret@db/doorward",
        "secret",
        "postgresql://ada:secret@db/doorward?option=secret",
        "mysql://ada:secret@db/doorward",
    ],
)
def test_a_refusal_does_not_quote_the_url(url: str) -> None:
    assert "secret" not in refusal_of(url)


def test_postgres_variables_reach_the_database_as_they_are() -> None:
    settings = Settings.read(
        {
            "POSTGRES_HOST": "db.example.org",
            "POSTGRES_PORT": "6432",
            "POSTGRES_USER": "ada@home",
            "POSTGRES_PASSWORD": "p@ss/w:rd?#%2F +é",
            "POSTGRES_DB": "door-ward",
        }
    )

    url, options = connect_options(settings.storage.users_at)

    assert (url.host, url.port, url.database) == ("db.example.org", 6432, "door-ward")
    assert (url.username, url.password) == ("ada@home", "p@ss/w:rd?#%2F +é")
    assert options == {}


@pytest.mark.parametrize("name", ["door ward", "50%", "a/b", "türwächter", "what?"])
def test_a_database_may_have_any_name(name: str) -> None:
    settings = Settings.read({"POSTGRES_HOST": "db", "POSTGRES_DB": name})

    assert connect_options(settings.storage.users_at)[0].database == name


async def test_a_database_that_stays_locked_is_unavailable(sqlite_url: str) -> None:
    options = StoreOptions(timeout=timedelta(seconds=0.2))
    path = sqlite_url.removeprefix("sqlite:///")
    async with open_stores(sqlite_url, sqlite_url, options) as stores:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(Unavailable):
                await stores.users.add(a_user())
            other.execute("ROLLBACK")

        await stores.users.add(a_user())


def test_a_password_that_should_be_escaped_is_not_taken_for_a_host() -> None:
    assert "write it as %40 or %2F" in refusal_of(
        "postgresql://doorward:se@cr/et@db.example.org/doorward"
    )
