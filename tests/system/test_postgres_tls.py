"""PostgreSQL with a certificate of a private CA, and at a Unix socket."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from infrastructure.storage.locations import Location, translate_errors
from infrastructure.storage.not_ready import NotReady
from infrastructure.storage.options import StoreOptions
from tests.support.certificates import Authority
from tests.support.servers import Server, tls_postgres_server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[Server]:
    with tls_postgres_server(*authority.issue("127.0.0.1")) as server:
        yield server


@pytest.fixture(autouse=True)
def without_files_of_libpq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


async def answer(url: str, statement: str) -> object:
    location = Location("users", "DATABASE_URL", url)
    with translate_errors(location):
        async with (
            location.connect(StoreOptions()) as database,
            database.connection("health") as connection,
        ):
            return await connection.scalar(text(statement))


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=verify-full&sslrootcert={ca}",
        "sslmode=require",
        "sslmode=verify-ca&sslrootcert={ca}",
    ],
)
async def test_a_server_with_the_named_ca_is_trusted(
    query: str, server: Server, authority: Authority
) -> None:
    url = f"{server.url}?{query.format(ca=authority.file)}"

    assert await answer(url, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") is True


async def test_a_ca_that_is_not_known_is_named_as_the_fault(server: Server) -> None:
    with pytest.raises(
        NotReady, match=r"its certificate is refused: it is signed by an unknown CA"
    ):
        await answer(f"{server.url}?sslmode=verify-full", "SELECT 1")


async def test_another_host_name_is_named_as_the_fault(
    server: Server, authority: Authority
) -> None:
    url = server.url.replace("127.0.0.1", "localhost")

    with pytest.raises(NotReady, match=r"certificate is refused: it is for another host name"):
        await answer(f"{url}?sslmode=verify-full&sslrootcert={authority.file}", "SELECT 1")


async def test_a_server_without_tls_is_named_as_the_fault() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)  # SSLRequest
        writer.write(b"N")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as plain:
        port = plain.sockets[0].getsockname()[1]
        with pytest.raises(NotReady, match=r"it offers no TLS, which sslmode demands"):
            await answer(f"postgresql://u@127.0.0.1:{port}/db?sslmode=require", "SELECT 1")


async def test_a_redis_with_a_ca_that_is_not_known_is_named_as_the_fault(
    authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "server.pem"
    file.write_bytes(b"".join(authority.issue("127.0.0.1")))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    async with await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0, ssl=context) as tls:
        port = tls.sockets[0].getsockname()[1]
        location = Location("sessions", "REDIS_URL", f"rediss://127.0.0.1:{port}/0")
        with (
            pytest.raises(NotReady, match=r"it is signed by an unknown CA"),
            translate_errors(location),
        ):
            async with location.connect(StoreOptions()) as redis:
                await location.ping(redis)


async def test_options_of_libpq_reach_the_server(server: Server) -> None:
    url = f"{server.url}?application_name=door&options=-c%20work_mem%3D8MB&channel_binding=prefer"

    assert await answer(url, "SELECT current_setting('application_name')") == "door"
    assert await answer(url, "SELECT current_setting('work_mem')") == "8MB"


@pytest.mark.parametrize(
    "form",
    [
        "postgresql://postgres@/postgres?host={folder}&port={port}",
        "postgresql://postgres@{quoted}:{port}/postgres",
    ],
)
async def test_a_unix_socket_is_used(form: str, server: Server) -> None:
    folder, port = str(server._data), urlsplit(server.url).port
    url = form.format(folder=folder, quoted=folder.replace("/", "%2F"), port=port)

    assert await answer(url, "SELECT inet_server_addr() IS NULL") is True


async def test_several_hosts_are_tried_in_turn(server: Server) -> None:
    port = urlsplit(server.url).port
    url = (
        f"postgresql://postgres@127.0.0.1:1,127.0.0.1:{port}/postgres?target_session_attrs=primary"
    )

    assert await answer(url, "SELECT 1") == 1
