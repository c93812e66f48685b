"""Redis URLs."""

import ssl
from urllib.parse import quote

import pytest
import structlog

from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.storage.locations import Location
from infrastructure.storage.options import InvalidUrl, StoreOptions
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.redis.url import _log_ignored


async def refusal_of(url: str) -> str:
    location = Location("sessions", "REDIS_URL", url)
    with pytest.raises(ConfigurationError) as refused:
        async with location.connect(StoreOptions()):
            pass
    return str(refused.value)


@pytest.mark.parametrize(
    "option",
    [
        "protocol=2",
        "protocol=s3cret",
        "decode_responses=True",
        "encoding=utf-16",
        "encoding_errors=ignore",
        "legacy_responses=false",
        "socket_timeout=30",
        "health_check_interval=5",
    ],
)
def test_an_option_that_doorward_sets_itself_is_ignored_with_a_line(option: str) -> None:
    _log_ignored.cache_clear()
    with structlog.testing.capture_logs() as logs:
        connection = RedisServer(f"redis://cache/3?{option}", StoreOptions()).make_connection()
        RedisServer(f"redis://cache/3?{option}", StoreOptions())

    assert connection.protocol == 3
    assert connection.encoder.decode_responses is False
    assert connection.encoder.encoding == "utf-8"
    assert connection.socket_timeout == StoreOptions().timeout.total_seconds()
    line = {"event": "redis_url_option_ignored", "option": option.partition("=")[0]}
    assert logs == [line | {"log_level": "warning"}]


@pytest.mark.parametrize(
    ("check", "mode"),
    [
        ("none", ssl.CERT_NONE),
        ("CERT_NONE", ssl.CERT_NONE),
        ("CERT_OPTIONAL", ssl.CERT_OPTIONAL),
        ("CERT_REQUIRED", ssl.CERT_REQUIRED),
    ],
)
def test_the_certificate_check_may_be_spelled_as_celery_does(
    check: str, mode: ssl.VerifyMode
) -> None:
    server = RedisServer(f"rediss://cache/0?ssl_cert_reqs={check}", StoreOptions())

    assert server.make_connection().ssl_context.cert_reqs == mode  # type: ignore[attr-defined] # of TLS connections


def test_a_certificate_is_required_unless_the_url_says_otherwise() -> None:
    connection = RedisServer("rediss://cache/0", StoreOptions()).make_connection()

    assert connection.ssl_context.cert_reqs == ssl.CERT_REQUIRED  # type: ignore[attr-defined] # of TLS connections


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://cache/cache", "database by its number"),
        ("redis://cache/0/cache", "database by its number"),
        ("redis://cache/-1", "database by its number"),
        ("redis://cache?db=sessions", "database by its number"),
        ("unix:///run/redis.sock?db=sessions", "database by its number"),
        ("rediss://cache?ssl_cert_reqs=CERT_SOME", "none of none, optional, required"),
        ("redis://cache?ssl_cert_reqs=none", "which needs rediss://"),
        ("redis://cache?retry=1", "has an unknown option"),
        ("rediss://cache?ssl_check_hostname=a&ssl_min_version=x", "is not a Redis URL"),
        ("redis://cache:port/0", "is not a Redis URL"),
    ],
)
async def test_a_url_that_cannot_be_used_is_refused_with_the_reason(url: str, words: str) -> None:
    assert words in await refusal_of(url)


async def test_a_refusal_repeats_no_part_of_the_url() -> None:
    assert "s3cret" not in await refusal_of("redis://cache/s3cret")
    assert "s3cret" not in await refusal_of("redis://cache?s3cret=1")
    assert "s3cret" not in await refusal_of("rediss://cache?ssl_cert_reqs=s3cret")


@pytest.mark.parametrize(
    ("url", "database"),
    [("redis://cache", 0), ("redis://cache/", 0), ("redis://cache/7", 7), ("redis://c?db=5", 5)],
)
def test_the_database_is_a_number(url: str, database: int) -> None:
    assert RedisServer(url, StoreOptions()).make_connection().db == database


def test_a_password_and_a_socket_are_kept() -> None:
    password = "p@ss/w:rd%+ &"
    by_user = RedisServer(f"redis://:{quote(password, safe='')}@cache?protocol=2", StoreOptions())
    by_option = RedisServer(
        f"unix:///run/redis.sock?db=2&password={quote(password, safe='')}", StoreOptions()
    )

    assert by_user.make_connection().password == password
    socket = by_option.make_connection()
    assert (socket.password, socket.db) == (password, 2)
    assert socket.path == "/run/redis.sock"  # type: ignore[attr-defined] # of Unix sockets


@pytest.mark.parametrize("password", ["a@s3cret", "a/s3cret", "@", "/"])
def test_a_password_that_should_be_encoded_is_named_as_the_reason(password: str) -> None:
    with pytest.raises(InvalidUrl, match=r"write it as %40 or %2F") as refused:
        RedisServer(f"redis://:{password}@127.0.0.1:6379/0", StoreOptions())

    assert "s3cret" not in str(refused.value)
