"""Settings of OpenID providers, whose names an operator chooses."""

from typing import Any

import pytest

from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.environment_warnings import warnings_of
from infrastructure.config.settings import Settings
from infrastructure.config.social_login.providers import OidcSettings

ISSUER = "https://id.example.com/realms/staff"
KEYCLOAK = {
    "OIDC_KEYCLOAK_ISSUER": ISSUER,
    "OIDC_KEYCLOAK_CLIENT_ID": "doorward",
    "OIDC_KEYCLOAK_CLIENT_SECRET": "hidden",
}


def refusal_of(environment: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as refused:
        Settings.read(environment)
    message = str(refused.value)
    assert "\n" not in message
    assert "hidden" not in message
    return message


def test_each_provider_has_the_name_in_its_variables() -> None:
    more = {name.replace("KEYCLOAK", "A_2"): text for name, text in KEYCLOAK.items()}

    settings = Settings.read(KEYCLOAK | more)

    assert settings.oidc == {
        name: OidcSettings(issuer=ISSUER, client_id="doorward", client_secret="hidden")
        for name in ("a-2", "keycloak")
    }
    assert list(settings.oidc) == ["a-2", "keycloak"]
    assert "hidden" not in repr(settings)
    assert "hidden" not in settings.given.values()


@pytest.mark.parametrize(
    ("member", "text", "field", "value"),
    [
        ("ISSUER", "https://a.example/", "issuer", "https://a.example/"),
        ("ISSUER", "http://127.0.0.1:9000", "issuer", "http://127.0.0.1:9000"),
        ("SCOPES", "openid, email", "scopes", ("openid", "email")),
        ("LABEL", " B\u00fcro ", "label", "B\u00fcro"),
        ("EMAILS_VERIFIED", "true", "emails_verified", True),
        ("TRUST_AMR", "true", "trust_amr", True),
        ("DOMAINS", "Example.com", "domains", {"example.com"}),
        ("HOSTS", "Graph.microsoft.com, a:8443", "hosts", {"graph.microsoft.com", "a:8443"}),
    ],
)
def test_each_member_is_read(member: str, text: str, field: str, value: Any) -> None:
    settings = Settings.read(KEYCLOAK | {f"OIDC_KEYCLOAK_{member}": text})

    assert getattr(settings.oidc["keycloak"], field) == value  # type: ignore[index]  # a NewType


@pytest.mark.parametrize(
    ("member", "text"),
    [
        ("ISSUER", "http://id.example.com"),
        ("ISSUER", "id.example.net"),
        ("ISSUER", "https://id.example.com?x"),
        ("ISSUER", "https://id.example.com#x"),
        ("ISSUER", "https://ada:secret@id.example.com"),
        ("ISSUER", "https://id.example.com/" + "x" * 255),
        ("CLIENT_SECRET", "t\u00fcr"),
        ("SCOPES", "email profile"),
        ("SCOPES", 'openid "'),
        ("LABEL", "x" * 31),
        ("LABEL", "a\u202eb"),
        ("EMAILS_VERIFIED", "yes"),
        ("TRUST_AMR", "on"),
        ("DOMAINS", "@example.com"),
        ("HOSTS", "https://a.example"),
        ("HOSTS", "*.a.example"),
    ],
)
def test_an_unreadable_member_is_named_and_not_quoted(member: str, text: str) -> None:
    message = refusal_of(KEYCLOAK | {f"OIDC_KEYCLOAK_{member}": text})

    assert message.startswith(f"OIDC_KEYCLOAK_{member} must be ")
    assert text not in message


@pytest.mark.parametrize("missing", KEYCLOAK)
def test_a_provider_that_is_configured_in_part_ends_the_start(missing: str) -> None:
    given = {name: text for name, text in KEYCLOAK.items() if name != missing}

    assert f"and {missing} is not" in refusal_of(given)


@pytest.mark.parametrize("name", ["GOOGLE", "GITHUB"])
@pytest.mark.parametrize("half", ["ID", "SECRET"])
def test_half_a_client_ends_the_start(name: str, half: str) -> None:
    message = refusal_of({f"{name}_CLIENT_{half}": "hidden"})

    assert message.startswith(f"{name}_CLIENT_{half} is set, and {name}_CLIENT_")


@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        ("OIDC_KEYCLOAK_ISUER", "is no setting: write OIDC_<NAME>_ with one of ISSUER, "),
        ("OIDC_ISSUER", "is no setting"),
        ("OIDC_CLIENT_ID", "is no setting"),
        ("OIDC__ISSUER", "must have a name"),
        ("OIDC_2_ISSUER", "must have a name"),
        ("OIDC_A-B_ISSUER", "must have a name"),
        ("OIDC_My_ISSUER", "must have a name"),
        (f"OIDC_{'X' * 31}_ISSUER", "must have a name"),
        ("OIDC_GOOGLE_ISSUER", "set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET"),
        ("OIDC_GITHUB_CLIENT_ID", "set GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET"),
    ],
)
def test_a_variable_that_names_no_member_of_a_provider_ends_the_start(
    variable: str, reason: str
) -> None:
    message = refusal_of(KEYCLOAK | {variable: "hidden"})

    assert message.startswith(f"{variable} ")
    assert reason in message
    assert Settings.read(KEYCLOAK | {variable: " "}) == Settings.read(KEYCLOAK)


def test_variables_of_a_service_in_kubernetes_are_no_settings() -> None:
    service = "SERVICE_HOST SERVICE_PORT SERVICE_PORT_HTTP PORT PORT_80_TCP PORT_80_TCP_ADDR"
    given = {f"OIDC_PROXY_{each}": "tcp://10.0.0.1:80" for each in service.split()}

    assert Settings.read(KEYCLOAK | given) == Settings.read(KEYCLOAK)


def test_no_setting_of_a_provider_is_reported_as_misspelt() -> None:
    given = KEYCLOAK | {"OIDC_KEYCLOAK_HOSTS": "a.example"}

    assert not list(warnings_of(given))
