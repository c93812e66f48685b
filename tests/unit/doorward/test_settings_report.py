"""The report of the settings in force: nothing secret, and in the words of the configuration."""

from dataclasses import replace
from datetime import timedelta

import pytest

from application.ports import ShownSetting
from application.rate_limiting import CurrentRateLimits
from domain.rate_limit import RateLimit
from doorward.wiring.configuration.settings_report import SettingsReport
from infrastructure.config.settings import Settings
from tests.unit.infrastructure.config.test_settings import HALVES, READ, SECRETS

VARIABLES = {each.name: each for each in Settings.variables()}


def report_of(settings: Settings) -> SettingsReport:
    return SettingsReport(settings, CurrentRateLimits(settings.rate_limits))


def shown_in(report: SettingsReport) -> dict[str, ShownSetting]:
    sections = report().sections.values()
    return {each.name: each for section in sections for each in section}


def test_without_variables_every_setting_is_shown_as_the_default() -> None:
    shown = shown_in(report_of(Settings.read({})))

    assert list(shown) == list(VARIABLES)
    for name, variable in VARIABLES.items():
        assert shown[name].is_default
        assert shown[name].value == (None if variable.is_secret else variable.default or None)
        assert shown[name].meaning == variable.meaning


@pytest.mark.parametrize(("name", "text"), sorted({(name, text) for name, text, *_ in READ}))
def test_a_setting_is_shown_in_the_words_that_it_is_written_in(name: str, text: str) -> None:
    variable = VARIABLES[name]
    settings = Settings.read({"MAIL_URL": "memory:", name: text} | HALVES.get(name, {}))

    shown = shown_in(report_of(settings))[name]

    value = variable.read({name: text})
    assert shown.is_default == (value == variable.read({}))
    if variable.is_secret:
        assert shown.value is None
        assert shown.is_set
    elif shown.value is not None:
        assert variable.parse(shown.value) == value
    else:
        assert value == variable.read({})


def test_no_secret_is_shown_nor_kept_beside_its_setting() -> None:
    settings = Settings.read(SECRETS)
    report = report_of(settings)

    assert not SECRETS.keys() & settings.given.keys()
    assert "hidden" not in repr(report())
    assert "ada" not in repr(report())
    shown = shown_in(report)
    for name in SECRETS:
        assert shown[name].is_set
        assert shown[name].is_secret
        assert not shown[name].is_default
    assert report().locations == {
        "users": "PostgreSQL at db:5432",
        "sessions": "Redis at cache:6379",
        "keys": "in the environment",
        "mail": "server at mail.example.com:465",
    }


def test_a_secret_has_no_text() -> None:
    with pytest.raises(ValueError, match="DATA_SECRET is a secret"):
        VARIABLES["DATA_SECRET"].in_text((bytes(32),), None)


@pytest.mark.parametrize("password", ["hidden", "hid@den", "hi,dd/en", "h@id,den", "h@id/den"])
def test_a_password_in_the_url_of_a_page_is_not_shown(password: str) -> None:
    url = f"https://ada:{password}@www.example.com/a?b=c"
    settings = Settings.read({"ISSUER": url})

    assert shown_in(report_of(settings))["ISSUER"].value == "https://…@www.example.com/a?b=c"


def test_rate_limits_are_shown_as_the_last_reload_left_them() -> None:
    report = report_of(Settings.read({"LOGIN_LIMIT": "2/1m", "REGISTER_LIMIT": "3/1m"}))
    limit = RateLimit("login", 7, timedelta(minutes=2))
    report.limits.now = replace(report.limits.now, login=limit, register=None)

    shown = shown_in(report)

    assert (shown["LOGIN_LIMIT"].value, shown["REGISTER_LIMIT"].value) == ("7/120s", "off")


def test_a_value_that_no_variable_has_set_is_shown_all_the_same() -> None:
    settings = Settings.read({"PORT": "9000"})
    settings = replace(settings, http=replace(settings.http, port=9001, is_registration_open=True))

    shown = shown_in(report_of(settings))

    assert (shown["PORT"].value, shown["PORT"].is_default) == ("9001", False)
    assert shown["REGISTRATION"].value == "open"


def test_the_settings_of_each_openid_provider_are_shown_without_its_secret() -> None:
    settings = Settings.read(
        {
            "OIDC_MY_IDP_ISSUER": "https://idp.example/",
            "OIDC_MY_IDP_CLIENT_ID": "doorward",
            "OIDC_MY_IDP_CLIENT_SECRET": "hidden",
        }
    )

    report = report_of(settings)
    section = {each.name: each for each in report().sections["OpenID provider my-idp"]}

    assert section["OIDC_MY_IDP_ISSUER"].value == "https://idp.example/"
    assert section["OIDC_MY_IDP_SCOPES"].is_default
    assert section["OIDC_MY_IDP_CLIENT_SECRET"].is_set
    assert section["OIDC_MY_IDP_CLIENT_SECRET"].value is None
    assert "hidden" not in repr(report())
    assert "hidden" not in repr(settings)
