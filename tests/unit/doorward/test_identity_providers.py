"""The wiring of other providers, and their checks of `doorward doctor`."""

import dataclasses
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from application.ports import IdentityProviders
from application.social_login.policy import SocialPolicy
from domain.social_login.identity import ProviderName
from domain.social_login.rules import LinkingPolicy
from doorward.diagnostics import preflight
from doorward.diagnostics.doctor import examine, read_configuration
from doorward.diagnostics.identity_providers import check_provider, names_of, require_identities
from doorward.wiring.container import make_container
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.identity_providers.github import GitHub
from infrastructure.identity_providers.oidc import OidcProvider
from infrastructure.storage.memory import backend
from tests.support.identity_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    ProviderServer,
    Reply,
    a_provider,
    jwk,
    rsa_key,
)

GOOGLE = {"GOOGLE_CLIENT_ID": "1.apps", "GOOGLE_CLIENT_SECRET": "hidden"}
GITHUB = {"GITHUB_CLIENT_ID": CLIENT_ID, "GITHUB_CLIENT_SECRET": CLIENT_SECRET}
ACME = ProviderName("acme")


def acme_at(url: str, secret: str = CLIENT_SECRET) -> dict[str, str]:
    return {
        "OIDC_ACME_ISSUER": url,
        "OIDC_ACME_CLIENT_ID": CLIENT_ID,
        "OIDC_ACME_CLIENT_SECRET": secret,
        "PUBLIC_URL": "https://id.example/auth",
    }


@pytest.fixture
async def server() -> AsyncIterator[ProviderServer]:
    async with a_provider() as server:
        yield server


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        (GITHUB, "GITHUB_CLIENT_ID"),
        (acme_at("https://acme.example"), "OIDC_ACME_CLIENT_ID"),
    ],
)
async def test_providers_are_refused_if_the_store_of_the_users_links_no_accounts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, provider: dict[str, str], variable: str
) -> None:
    without = dataclasses.replace(backend.BACKEND, identities=None, flows=None)
    monkeypatch.setattr(backend, "BACKEND", without)
    environment = {"USERS_URL": "memory:", "DOORWARD_DATA": str(tmp_path)}
    settings = Settings.read(environment | provider)
    [name] = names_of(settings)

    for check in (preflight.check(settings), check_provider(settings, name)):
        with pytest.raises(ConfigurationError, match=f"^{variable} is set, but the users are in"):
            await check
    require_identities(Settings.read(environment))


async def test_the_configured_providers_are_offered_in_order_with_their_labels() -> None:
    labelled = {"OIDC_A_1_LABEL": "Büro"}
    more = {
        name.replace("ACME", "A_1"): text for name, text in acme_at("https://a.example").items()
    }
    settings = Settings.read(GITHUB | acme_at("https://acme.example") | more | labelled | GOOGLE)
    container = make_container(settings)

    providers = (await container.get(IdentityProviders)).all

    assert [(each.name, each.label) for each in providers] == [
        ("google", "Google"),
        ("github", "GitHub"),
        ("a-1", "Büro"),
        ("acme", "Acme"),
    ]
    assert {type(each) for each in providers} == {OidcProvider, GitHub}
    assert "hidden" not in repr(providers)
    await container.close()


async def test_without_settings_there_are_no_providers() -> None:
    container = make_container(Settings.read({}))

    assert (await container.get(IdentityProviders)).all == ()
    assert (await container.get(SocialPolicy)).linking is LinkingPolicy.OFF
    await container.close()


async def test_the_policy_is_that_of_the_settings() -> None:
    page = "https://app.example.com/home"
    container = make_container(
        Settings.read({"SOCIAL_LINKING": "verified", "RETURN_TARGETS": page})
    )

    expected = SocialPolicy(LinkingPolicy.VERIFIED, frozenset({page}))
    assert await container.get(SocialPolicy) == expected
    await container.close()


def test_no_process_imports_the_http_client_before_the_first_login() -> None:
    code = """
import os, sys
from doorward.wiring.identity_providers import make_providers
from infrastructure.clock import system_clock
from infrastructure.config.settings import Settings
assert len(list(make_providers(Settings.read(os.environ), system_clock))) == 2
sys.exit(bool({"httpx", "httpcore"} & set(sys.modules)))
"""
    environment = GOOGLE | GITHUB
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, check=False, env=environment).returncode == 0


async def test_the_doctor_says_which_redirect_uri_has_to_be_registered(
    server: ProviderServer,
) -> None:
    verdict, found = await check_provider(Settings.read(acme_at(server.url)), ACME)

    assert verdict == "ok", found
    assert found.startswith("Acme answers in ")
    assert found.endswith(
        "redirect URI to register: https://id.example/auth/api/auth/social/acme/callback"
    )


async def test_the_doctor_checks_each_provider_among_the_others(server: ProviderServer) -> None:
    environment = GITHUB | {"GITHUB_URL": server.url} | acme_at(server.url)

    found = {each.subject: each async for each in examine({"USERS_URL": "memory:"} | environment)}

    assert found["provider github"].verdict == found["provider acme"].verdict == "ok"
    assert CLIENT_SECRET not in repr(found)


@pytest.mark.parametrize(
    ("discovery", "problem"),
    [
        ({"issuer": "https://other.example"}, "names another issuer"),
        ({"token_endpoint": None}, "token_endpoint is missing in the discovery document"),
        (
            {"userinfo_endpoint": "https://graph.example/userinfo"},
            "userinfo_endpoint is at a host that its _HOSTS has to list",
        ),
        ({"id_token_signing_alg_values_supported": ["HS256"]}, "signs ID tokens neither with"),
    ],
)
async def test_the_doctor_says_why_a_provider_cannot_be_used(
    server: ProviderServer, discovery: dict[str, str | None], problem: str
) -> None:
    server.discovery |= discovery

    verdict, found = await check_provider(Settings.read(acme_at(server.url)), ACME)

    assert verdict == "FAIL"
    assert found.startswith("Acme cannot be used: ")
    assert problem in found
    assert "/api/auth/social/acme/callback" in found


async def test_the_doctor_finds_keys_that_no_token_can_be_verified_with(
    server: ProviderServer,
) -> None:
    server.keys = [jwk(rsa_key(), kid="one", use="enc")]

    verdict, found = await check_provider(Settings.read(acme_at(server.url)), ACME)

    assert (verdict, "none of its keys can verify" in found) == ("FAIL", True)


async def test_the_doctor_finds_a_wrong_client_secret(server: ProviderServer) -> None:
    given = acme_at(server.url, "wr0ng") | GITHUB | {"GITHUB_URL": server.url}
    settings = Settings.read(given | {"GITHUB_CLIENT_SECRET": "wr0ng"})

    for name in (ACME, ProviderName("github")):
        verdict, found = await check_provider(settings, name)
        assert verdict == "FAIL"
        assert "does not know this client id and secret" in found
        assert "wr0ng" not in found


async def test_the_doctor_finds_a_provider_that_does_not_answer(server: ProviderServer) -> None:
    server.lies["/.well-known/openid-configuration"] = Reply(status=503)
    _, found = await check_provider(Settings.read(acme_at(server.url)), ACME)
    assert found.startswith("Acme cannot be used: discovery_status_503")

    gone = "http://127.0.0.1:1"
    settings = Settings.read(acme_at(gone) | GITHUB | {"GITHUB_URL": gone})
    for name in (ACME, ProviderName("github")):
        _, found = await check_provider(settings, name)
        assert " cannot be used: it cannot be reached" in found


@pytest.mark.parametrize(
    ("provider", "problem"),
    [
        (acme_at("https://acme.example", ""), "OIDC_ACME_CLIENT_SECRET is not"),
        (acme_at("ftp://acme.example"), "OIDC_ACME_ISSUER must be"),
        (GOOGLE | {"GOOGLE_CLIENT_SECRET": "schlüssel"}, "GOOGLE_CLIENT_SECRET must be"),
    ],
)
def test_the_doctor_reports_a_provider_with_a_wrong_setting_once(
    provider: dict[str, str], problem: str
) -> None:
    environment = acme_at("https://acme.example") | {"OIDC_ACME_LABEL": "Büro"} | provider

    [reported], _ = read_configuration(environment)

    assert problem in reported
