"""The configuration: what each variable means, and what cannot be."""

import traceback
from base64 import b64encode, urlsafe_b64encode
from dataclasses import fields
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from domain.rate_limit import RateLimit
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings, table
from infrastructure.signing.algorithms import ALGORITHMS

SECRETS = {
    "USERS_URL": "postgresql://ada:hidden@db/users",
    "SESSIONS_URL": "redis://:hidden@cache/0",
    "DATABASE_URL": "postgresql://ada:hidden@db/database",
    "REDIS_URL": "redis://:hidden@cache/1",
    "POSTGRES_PASSWORD": "hidden",
    "ACCESS_TOKEN_PRIVATE_KEY": "hidden1",
    "ACCESS_TOKEN_PUBLIC_KEY": "hidden2",
    "REFRESH_TOKEN_PRIVATE_KEY": "hidden3",
    "REFRESH_TOKEN_PUBLIC_KEY": "hidden4",
}

ONE, TWO = bytes(range(32)), bytes([255] * 32)
READ: list[tuple[str, str, str, Any]] = [
    ("KEYS_FOLDER", "/run/secrets/doorward", "keys_folder", Path("/run/secrets/doorward")),
    ("KEYS_SECRET", b64encode(ONE).decode(), "keys_secret", (ONE,)),
    ("KEYS_SECRET", urlsafe_b64encode(TWO).decode(), "keys_secret", (TWO,)),
    (
        "KEYS_SECRET",
        f"{b64encode(TWO).decode()}, {b64encode(ONE).decode()}",
        "keys_secret",
        (TWO, ONE),
    ),
    ("KEY_ROTATION", "90d", "key_rotation", timedelta(days=90)),
    ("KEY_ROTATION", "off", "key_rotation", None),
    ("TOKEN_ALGORITHM", "RS256", "token_algorithm", "RS256"),
    ("TOKEN_ALGORITHM", "PS256", "token_algorithm", "PS256"),
    ("TOKEN_ALGORITHM", "EdDSA", "token_algorithm", "EdDSA"),
    ("JWKS_MAX_AGE", "60", "jwks_max_age", timedelta(minutes=1)),
    ("HOST", "0.0.0.0", "host", "0.0.0.0"),  # noqa: S104
    ("PORT", "9000", "port", 9000),
    ("PORT", "65535", "port", 65535),
    ("WORKERS", "4", "workers", 4),
    ("DOORWARD_DATA", "/srv/doorward", "data", Path("/srv/doorward")),
    ("PUBLIC_URL", "https://id.example.org", "public_url", "https://id.example.org"),
    ("PUBLIC_URL", "https://id.example.org/", "public_url", "https://id.example.org"),
    ("PUBLIC_URL", "HTTPS://Id.Example.Org:443", "public_url", "https://id.example.org"),
    ("PUBLIC_URL", "http://id.example.org:80", "public_url", "http://id.example.org"),
    ("PUBLIC_URL", "http://[::1]:8000", "public_url", "http://[::1]:8000"),
    ("CLIENT_ORIGIN", "http://localhost:3000", "client_origin", ("http://localhost:3000",)),
    (
        "CLIENT_ORIGIN",
        " https://a.example/ ,, https://b.example:8443,",
        "client_origin",
        ("https://a.example", "https://b.example:8443"),
    ),
    ("USERS_URL", SECRETS["USERS_URL"], "users_url", SECRETS["USERS_URL"]),
    ("SESSIONS_URL", SECRETS["SESSIONS_URL"], "sessions_url", SECRETS["SESSIONS_URL"]),
    ("DATABASE_URL", SECRETS["DATABASE_URL"], "database_url", SECRETS["DATABASE_URL"]),
    ("REDIS_URL", SECRETS["REDIS_URL"], "redis_url", SECRETS["REDIS_URL"]),
    ("POSTGRES_HOST", "db", "postgres_host", "db"),
    ("POSTGRES_PORT", "6500", "postgres_port", 6500),
    ("POSTGRES_USER", "ada", "postgres_user", "ada"),
    ("POSTGRES_PASSWORD", "p@ss/word", "postgres_password", "p@ss/word"),
    ("POSTGRES_DB", "rust_sqlx", "postgres_db", "rust_sqlx"),
    ("STORE_TIMEOUT", "5s", "store_timeout", timedelta(seconds=5)),
    ("STORE_CONNECTIONS", "25", "store_connections", 25),
    ("CACHED_USERS", "0", "cached_users", 0),
    ("REVOCATION_BOUND", "5s", "revocation_bound", timedelta(seconds=5)),
    ("REQUEST_TIMEOUT", "1m", "request_timeout", timedelta(minutes=1)),
    ("SHUTDOWN_DELAY", "15s", "shutdown_delay", timedelta(seconds=15)),
    ("SHUTDOWN_DELAY", "0s", "shutdown_delay", timedelta()),
    ("ACCESS_TOKEN_PRIVATE_KEY", "TEVLIQ==", "access_private_key", "TEVLIQ=="),
    ("ACCESS_TOKEN_PUBLIC_KEY", "TEVLIQ==", "access_public_key", "TEVLIQ=="),
    ("REFRESH_TOKEN_PRIVATE_KEY", "TEVLIQ==", "refresh_private_key", "TEVLIQ=="),
    ("REFRESH_TOKEN_PUBLIC_KEY", "TEVLIQ==", "refresh_public_key", "TEVLIQ=="),
    ("ACCESS_TOKEN_EXPIRED_IN", "5m", "access_expired_in", timedelta(minutes=5)),
    ("ACCESS_TOKEN_MAXAGE", "5", "access_maxage", timedelta(minutes=5)),
    ("REFRESH_TOKEN_EXPIRED_IN", "2h", "refresh_expired_in", timedelta(hours=2)),
    ("REFRESH_TOKEN_MAXAGE", "120", "refresh_maxage", timedelta(hours=2)),
    ("SESSION_LIFETIME", "7d", "session_lifetime", timedelta(days=7)),
    ("SESSIONS_PER_USER", "5", "sessions_per_user", 5),
    ("REFRESH_GRACE", "30", "refresh_grace", timedelta(seconds=30)),
    ("REFRESH_GRACE", "0s", "refresh_grace", timedelta()),
    ("ISSUER", "https://issuer.example", "issuer", "https://issuer.example"),
    ("AUDIENCE", "https://api.example", "audience", "https://api.example"),
    ("PASSWORD_MIN_LENGTH", "15", "password_min_length", 15),
    ("ARGON2_MEMORY_KIB", "19456", "argon2_memory", 19456),
    ("ARGON2_PASSES", "3", "argon2_passes", 3),
    ("HASH_THREADS", "2", "hash_threads", 2),
    ("HASH_QUEUE", "0", "hash_queue", 0),
    ("METRICS_PORT", "9464", "metrics_port", 9464),
    ("METRICS_HOST", "::1", "metrics_host", "::1"),
    ("OTEL_TRACES_EXPORTER", "otlp", "traces_exporter", "otlp"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318", "is_traced", True),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector/v1/traces", "is_traced", True),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "otlp_protocol", "http/protobuf"),
    ("OTEL_SDK_DISABLED", "True", "is_otel_disabled", True),
    *(
        (variable, "7/2m", name, RateLimit(limit, 7, timedelta(minutes=2)))
        for variable, name, limit in (
            ("LOGIN_LIMIT_ACCOUNT", "login_limit_account", "login-account"),
            ("LOGIN_LIMIT_ADDRESS", "login_limit_address", "login-address"),
            ("LOGIN_LIMIT", "login_limit", "login"),
            ("REGISTER_LIMIT_ADDRESS", "register_limit_address", "register-address"),
            ("REGISTER_LIMIT", "register_limit", "register"),
            ("CHANGE_LIMIT_ACCOUNT", "change_limit_account", "change-account"),
            ("REFRESH_LIMIT_ACCOUNT", "refresh_limit_account", "refresh-account"),
            ("REFRESH_LIMIT_ADDRESS", "refresh_limit_address", "refresh-address"),
            ("REFRESH_LIMIT", "refresh_limit", "refresh"),
        )
    ),
    ("LOGIN_LIMIT", "off", "login_limit", None),
    (
        "TRUSTED_PROXIES",
        "10.0.0.0/8, ::1",
        "trusted_proxies",
        (ip_network("10.0.0.0/8"), ip_network("::1")),
    ),
    (
        "ALLOWED_HOSTS",
        "Id.Example.org,localhost",
        "allowed_hosts",
        {"id.example.org", "localhost"},
    ),
]

DEFAULTS: dict[str, Any] = {
    "host": "127.0.0.1",
    "port": 8000,
    "workers": 1,
    "data": Path("./var"),
    "client_origin": (),
    "access_lifetime": timedelta(minutes=15),
    "refresh_lifetime": timedelta(minutes=60),
    "session_lifetime": timedelta(days=30),
    "refresh_grace": timedelta(seconds=10),
    "origin": "http://localhost:8000",
    "token_issuer": "doorward",
    "users_at": "sqlite:///var/doorward.db",
    "sessions_at": "sqlite:///var/doorward.db",
    "store_timeout": timedelta(seconds=2),
    "request_timeout": timedelta(seconds=20),
    "shutdown_delay": timedelta(seconds=2),
    "password_min_length": 8,
    "argon2_memory": 47104,
    "argon2_passes": 2,
    "metrics_port": None,
    "metrics_host": "127.0.0.1",
    "is_traced": False,
}

UNREADABLE = {
    "PORT": ["0", "65536", "-1", "8000.0", "eighty", "٨٠٠٠", "8 000", "9" * 5000],
    "KEYS_SECRET": ["hidden", b64encode(bytes(31)).decode(), b64encode(bytes(32)).decode() + ","],
    "KEY_ROTATION": ["0", "never", "-1d"],
    "TOKEN_ALGORITHM": ["HS256", "none", "rs256", "ES256", "RS256,PS256"],
    "JWKS_MAX_AGE": ["0", "x"],
    "POSTGRES_PORT": ["0", "70000", "five"],
    "METRICS_PORT": ["0", "65536", "prometheus"],
    "OTEL_TRACES_EXPORTER": ["console", "jaeger"],
    "OTEL_EXPORTER_OTLP_PROTOCOL": ["grpc", "http/json"],
    "WORKERS": ["0", "-1", "many", "1.5", "٢", "9" * 5000],
    "STORE_CONNECTIONS": ["0", "x"],
    "PASSWORD_MIN_LENGTH": ["0", "eight"],
    "ARGON2_MEMORY_KIB": ["19455", "262145", "46M"],
    "ARGON2_PASSES": ["1", "17", "two"],
    "HASH_THREADS": ["0"],
    "HASH_QUEUE": ["-1", "all"],
    "CACHED_USERS": ["-1", "all"],
    "REVOCATION_BOUND": ["0", "soon"],
    "REQUEST_TIMEOUT": ["0", "slow"],
    "SHUTDOWN_DELAY": ["-1s", "soon"],
    "STORE_TIMEOUT": ["0", "0s", "2 s", "2sec", "-2s", "1.5s", "٢s"],
    "SESSION_LIFETIME": ["0d", "month", "1w", "9999999999d", "3651d"],
    "SESSIONS_PER_USER": ["0", "-1", "1001", "many"],
    "REFRESH_GRACE": ["-1s", "soon"],
    "ACCESS_TOKEN_EXPIRED_IN": ["0m", "quarter", "15 m", "15M"],
    "ACCESS_TOKEN_MAXAGE": ["0", "15m", "-15"],
    "REFRESH_TOKEN_EXPIRED_IN": ["0", "hour"],
    "REFRESH_TOKEN_MAXAGE": ["0", "60m"],
    "PUBLIC_URL": [
        "id.example.org",
        "ftp://id.example.org",
        "https:///",
        "https://id.example.org/auth",
        "https://id.example.org?x",
        "https://id.example.org#x",
        "https://ada:hidden@id.example.org",
        "https://id.example.org:hidden",
        "https://id.example.org:70000",
        "https://[::1",
        "null",
        "*",
    ],
    "CLIENT_ORIGIN": ["*", "null", "localhost:3000", "https://a.example,b.example"],
    "TRUSTED_PROXIES": ["proxy", "10.0.0.1/8", "10.0.0.0/33"],
    **{
        variable: ["10", "0/7m", "10/0m", "ten/15m", "10/15m/1", "never"]
        for variable in (
            "LOGIN_LIMIT_ACCOUNT",
            "LOGIN_LIMIT_ADDRESS",
            "LOGIN_LIMIT",
            "REGISTER_LIMIT_ADDRESS",
            "REGISTER_LIMIT",
            "CHANGE_LIMIT_ACCOUNT",
            "REFRESH_LIMIT_ACCOUNT",
            "REFRESH_LIMIT_ADDRESS",
            "REFRESH_LIMIT",
        )
    },
}


def refusal_of(**environment: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        Settings.read(environment)
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(("variable", "text", "name", "value"), READ)
def test_each_variable_is_read(variable: str, text: str, name: str, value: object) -> None:
    assert getattr(Settings.read({variable: f" {text}\n"}), name) == value


def test_the_tests_know_every_variable() -> None:
    declared = {each.metadata["variable"] for each in fields(Settings)}

    assert {variable for variable, *_ in READ} == declared
    assert set(UNREADABLE) <= declared


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items(), ids=DEFAULTS)
def test_without_variables_there_are_defaults(name: str, value: object) -> None:
    assert getattr(Settings.read({}), name) == value


@pytest.mark.parametrize("variable", [each.metadata["variable"] for each in fields(Settings)])
def test_an_empty_variable_counts_as_not_set(variable: str) -> None:
    assert Settings.read({variable: " "}) == Settings.read({})


@pytest.mark.parametrize(
    ("variable", "text"), [(name, text) for name, texts in UNREADABLE.items() for text in texts]
)
def test_what_cannot_be_read_is_named_and_not_repeated(variable: str, text: str) -> None:
    message = refusal_of(**{variable: text})

    assert message.startswith(f"{variable} must be ")
    assert "hidden" not in message
    assert len(text) < 4 or text not in message


@pytest.mark.parametrize("variable", UNREADABLE)
def test_no_value_is_ever_in_an_error_or_its_traceback(variable: str) -> None:
    value = "tell-nobody"  # here, for a traceback shows the lines of code
    with pytest.raises(ConfigurationError) as refused:
        Settings.read({variable: value})

    assert str(refused.value).startswith(variable)
    assert value not in "".join(traceback.format_exception(refused.value))


def test_every_other_variable_takes_any_text() -> None:
    """So there is no error in which its value could be."""
    for variable in {each.metadata["variable"] for each in fields(Settings)} - set(UNREADABLE):
        Settings.read({variable: "tell-nobody"})


@pytest.mark.parametrize("kind", ["ACCESS", "REFRESH"])
def test_two_spellings_of_a_lifetime_that_disagree_are_both_named(kind: str) -> None:
    spelled, in_minutes = f"{kind}_TOKEN_EXPIRED_IN", f"{kind}_TOKEN_MAXAGE"

    message = refusal_of(**{spelled: "17m", in_minutes: "18"})

    assert message.startswith(f"{spelled} and {in_minutes} disagree")
    assert "17" not in message
    assert "18" not in message


@pytest.mark.parametrize("kind", ["access", "refresh"])
@pytest.mark.parametrize(
    "texts", [("900s", "15"), ("15m", ""), ("", "15"), ("15m", "15"), ("900", "15")]
)
def test_two_spellings_of_a_lifetime_may_agree(kind: str, texts: tuple[str, str]) -> None:
    spelled, in_minutes = texts
    settings = Settings.read(
        {
            f"{kind.upper()}_TOKEN_EXPIRED_IN": spelled,
            f"{kind.upper()}_TOKEN_MAXAGE": in_minutes,
        }
    )

    assert getattr(settings, f"{kind}_lifetime") == timedelta(minutes=15)


def test_the_environment_of_the_old_server_is_understood() -> None:
    settings = Settings.read(
        {
            "PORT": "8000",
            "CLIENT_ORIGIN": "http://localhost:3000",
            "POSTGRES_HOST": "127.0.0.1",
            "POSTGRES_PORT": "6500",
            "POSTGRES_USER": "admin",
            "POSTGRES_PASSWORD": "password123",
            "POSTGRES_DB": "rust_admin",
            "DATABASE_URL": "postgresql://admin:password123@localhost:6500/rust?schema=public",
            "REDIS_URL": "redis://127.0.0.1:6379/",
            "ACCESS_TOKEN_EXPIRED_IN": "15m",
            "ACCESS_TOKEN_MAXAGE": "15",
            "REFRESH_TOKEN_EXPIRED_IN": "60m",
            "REFRESH_TOKEN_MAXAGE": "60",
        }
    )

    assert settings.users_at.endswith("/rust?schema=public")
    assert settings.sessions_at == "redis://127.0.0.1:6379/"
    assert settings.access_lifetime == timedelta(minutes=15)
    assert settings.refresh_lifetime == timedelta(minutes=60)


USERS_IN_ORDER = [
    ({"USERS_URL": "memory:"}, "memory:"),
    ({"DATABASE_URL": "postgresql://database"}, "postgresql://database"),
    ({"POSTGRES_HOST": "db"}, "postgresql://postgres:@db:5432/postgres"),
    ({"DOORWARD_DATA": "/srv"}, "sqlite:////srv/doorward.db"),
]


@pytest.mark.parametrize("first", range(len(USERS_IN_ORDER)))
def test_users_are_where_the_first_of_these_says(first: int) -> None:
    environment: dict[str, str] = {}
    for variables, _ in USERS_IN_ORDER[first:]:
        environment |= variables

    assert Settings.read(environment).users_at == USERS_IN_ORDER[first][1]


def test_sessions_are_where_the_first_of_these_says() -> None:
    users, redis, sessions = (
        {"USERS_URL": "memory:"},
        {"REDIS_URL": "redis://cache"},
        {"SESSIONS_URL": "sqlite:///sessions.db"},
    )

    assert Settings.read(users | redis | sessions).sessions_at == "sqlite:///sessions.db"
    assert Settings.read(users | redis).sessions_at == "redis://cache"
    assert Settings.read(users).sessions_at == "memory:"


@pytest.mark.parametrize("name", ["POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"])
def test_postgres_variables_need_a_host(name: str) -> None:
    assert Settings.read({name: "x"}).users_at == Settings.read({}).users_at


def test_the_public_url_is_the_origin_and_the_issuer() -> None:
    settings = Settings.read({"PUBLIC_URL": "https://id.example.org", "PORT": "9000"})

    assert settings.origin == settings.token_issuer == "https://id.example.org"


def test_without_a_public_url_the_origin_has_the_port() -> None:
    assert Settings.read({"PORT": "9000"}).origin == "http://localhost:9000"


def test_an_issuer_may_be_named() -> None:
    settings = Settings.read({"ISSUER": "https://issuer.example"})

    assert settings.token_issuer == "https://issuer.example"
    assert settings.origin == "http://localhost:8000"


def test_settings_do_not_show_secrets() -> None:
    settings = Settings.read(SECRETS)

    assert "hidden" not in repr(settings)
    assert settings.postgres_password == "hidden"


def test_the_table_has_a_row_for_every_variable() -> None:
    rows = table().splitlines()[2:]

    assert [row.split("`")[1] for row in rows] == [
        each.metadata["variable"] for each in fields(Settings)
    ]
    assert all(row.count("|") == 4 for row in rows)


@pytest.mark.parametrize(
    "off", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}], ids=str
)
def test_traces_that_are_configured_can_be_turned_off(off: dict[str, str]) -> None:
    configured = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}

    assert Settings.read(configured).is_traced
    assert not Settings.read(configured | off).is_traced


@pytest.mark.parametrize("name", ALGORITHMS)
def test_each_algorithm_can_be_configured(name: str) -> None:
    assert Settings.read({"TOKEN_ALGORITHM": name}).token_algorithm == name
