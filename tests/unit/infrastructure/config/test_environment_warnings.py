"""Variables that have no effect are reported, and others of this machine are not."""

from pathlib import Path

import pytest
from dotenv import dotenv_values

from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.environment_warnings import warnings_of
from infrastructure.config.settings import Settings

LINK = "tcp://10.96.0.17:5432"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DATBASE_URL", "DATABASE_URL"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("DB_URL", "DATABASE_URL"),
        ("POSTGRES_URL", "DATABASE_URL"),
        ("SMTP_HOST", "MAIL_URL"),
        ("database_url", "DATABASE_URL"),
        ("REDIS_ULR", "REDIS_URL"),
        ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
        ("REDIS_HOST", "REDIS_URL"),
        ("POSTGRES_PASSWORT", "POSTGRES_PASSWORD"),
        ("POSTGRES_PASSWORD_FILE", "POSTGRES_PASSWORD"),
        ("CLIENT_ORIGINS", "CLIENT_ORIGIN"),
        ("ACCESS_TOKEN_EXPIRES_IN", "ACCESS_TOKEN_EXPIRED_IN"),
        ("KEY_SECRET", "KEYS_SECRET"),
        ("DOORWARD_PORT", "PORT"),
        ("doorward_keys_secret", "KEYS_SECRET"),
    ],
)
def test_a_name_near_that_of_a_setting_is_reported_without_its_value(
    name: str, meant: str
) -> None:
    [warning] = warnings_of({name: "s3cret"})

    assert (warning.event, warning.variable) == ("unknown_variable_ignored", name)
    assert f"did you mean {meant}?" in warning.reason
    assert "s3cret" not in repr(warning)


def test_variables_of_other_programs_are_not_reported() -> None:
    others = (
        "HOME HOSTNAME PATH USER LANG SHLVL PWD NODE_ENV PGHOST PGPASSWORD PGSSLMODE "
        "POSTGRES_INITDB_ARGS POSTGRES_HOST_AUTH_METHOD POSTGRES_SERVICE_HOST "
        "POSTGRES_PORT_5432_TCP_ADDR REDIS_PASSWORD REDIS_SERVICE_PORT KUBERNETES_PORT "
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL OTEL_METRICS_EXPORTER TEST_DATABASE_URL "
        "HTTP_PROXY HTTPS_PROXY NO_PROXY VIRTUAL_ENV TRUSTED_HOSTS_FILE DOORWARD_SERVICE_PORT "
        "DATABASE_URL_UNPOOLED"
    )

    assert not list(warnings_of(dict.fromkeys(others.split(), "1")))


def test_the_example_of_an_env_file_has_no_warning() -> None:
    text = Path(__file__).parents[4].joinpath(".env.example")

    assert not list(
        warnings_of({name: value or "" for name, value in dotenv_values(text).items()})
    )


@pytest.mark.parametrize(
    "name", sorted(each.name for each in Settings.variables() if each.name.endswith("_PORT"))
)
def test_a_service_link_of_kubernetes_is_ignored_with_a_warning(name: str) -> None:
    [warning] = warnings_of({name: LINK})

    assert (warning.event, warning.variable) == ("service_link_ignored", name)
    assert Settings.read({name: LINK}) == Settings.read({})


def test_the_service_link_of_a_service_called_doorward_is_no_typo() -> None:
    assert not list(warnings_of({"DOORWARD_PORT": LINK}))


@pytest.mark.parametrize("value", ["tcp:5432", "http://db:5432", "tcp://db:port", f"{LINK}/x"])
def test_a_link_that_resembles_one_of_the_service_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^POSTGRES_PORT must be a port number"):
        Settings.read({"POSTGRES_PORT": value})


@pytest.mark.parametrize("value", ['"s3cret"', " 's3cret' ", '"a","b"', '""'])
def test_quotation_marks_are_refused_in_every_variable(value: str) -> None:
    for each in Settings.variables():
        with pytest.raises(ConfigurationError, match=f"^{each.name} is in quotation") as refused:
            Settings.read({each.name: value})
        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("value", ['a"b', '"a', "'", "\"a'"])
def test_a_password_may_have_quotation_marks_elsewhere(value: str) -> None:
    assert Settings.read({"POSTGRES_PASSWORD": value}).storage.postgres_password == value
