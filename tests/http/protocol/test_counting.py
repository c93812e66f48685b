"""Every answer is counted, of any part of the service, and every end of a session by its cause."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, cast
from unittest.mock import Mock

import pytest
from dishka import AsyncContainer, Provider
from litestar import Litestar
from litestar.routes import HTTPRoute
from prometheus_client import CollectorRegistry, generate_latest

from api.middleware.instrumentation import Routes
from api.security.origin_policy import OriginPolicy
from application.ports import UserRepository
from domain.errors import Unavailable
from doorward.wiring.container import make_container
from doorward.wiring.http import request_observers
from infrastructure.config.settings import Settings
from infrastructure.telemetry.metrics import Metrics
from infrastructure.telemetry.telemetry import Observation
from tests.http.client import (
    CLIENT_ORIGIN,
    EMAIL,
    ME,
    NEW_PASSWORD,
    NO_SESSION,
    ORIGIN,
    REFRESH,
    SESSIONS,
    USERS,
    Client,
    a_client,
    an_administrator,
    bearer,
    stored_user,
)
from tests.http.faults import Faults
from tests.support.builders import PASSWORD, SECOND
from tests.support.doubles import SettableClock
from tests.support.secret_watch import secrets_in


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def container(
    settings: Settings, replacements: Sequence[Provider], registry: CollectorRegistry
) -> AsyncIterator[AsyncContainer]:
    observation = Observation(Metrics(registry))
    container = make_container(settings, *replacements, observation=observation)
    yield container
    await container.close()


def counted(registry: CollectorRegistry) -> dict[tuple[str, str, str], float]:
    """How many requests there were, by method, route and status."""
    return {
        (each.labels["method"], each.labels["route"], each.labels["status"]): each.value
        for family in registry.collect()
        for each in family.samples
        if each.name == "doorward_http_requests_total"
    }


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(f"doorward_{name}_total", labels) or 0


def endings(registry: CollectorRegistry) -> dict[str, float]:
    return {
        each.labels["cause"]: each.value
        for family in registry.collect()
        for each in family.samples
        if each.name == "doorward_session_endings_total" and each.value
    }


def test_every_route_is_known_by_its_template(app: Litestar) -> None:
    routes = Routes.of(app)
    templates = [each.path_format for each in app.routes if isinstance(each, HTTPRoute)]

    assert len(templates) > 15
    assert [routes.template(each) for each in templates] == templates


def test_without_metrics_and_traces_no_request_is_observed() -> None:
    assert list(request_observers(Observation(), OriginPolicy(ORIGIN))) == []


@pytest.mark.parametrize(
    ("peer", "is_believed"), [("10.0.0.1", True), ("::ffff:10.0.0.1", True), ("192.0.2.1", False)]
)
def test_only_a_trusted_proxy_may_name_the_trace(peer: str, is_believed: bool) -> None:
    headers = [(b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    tracing = Mock()
    policy = OriginPolicy(ORIGIN, trusted_proxies=(ip_network("10.0.0.0/8"),))
    [observe] = request_observers(Observation(tracing=tracing), policy)

    observe(cast("Any", {"method": "GET", "client": (peer, 1), "headers": headers}), ME)

    assert list(tracing.request.call_args.args[2]) == (headers if is_believed else [])


async def test_answers_of_the_framework_are_counted(
    client: Client, registry: CollectorRegistry
) -> None:
    await client.get("/nowhere")
    await client.get("/nowhere/else")
    await client.delete(ME + "/export")
    await client.post("/api/auth/login", content=b"x" * 20_000)
    await client.request("PROPFIND", ME)
    await client.head("/health/live")

    assert counted(registry) == {
        ("GET", "unknown", "404"): 2,
        ("DELETE", "/api/users/me/export", "405"): 1,
        ("POST", "/api/auth/login", "413"): 1,
        ("other", "/api/users/me", "405"): 1,
        ("HEAD", "/health/live", "200"): 1,
    }


async def test_answers_from_the_cache_are_counted(
    client: Client, registry: CollectorRegistry
) -> None:
    tokens = await client.obtain_tokens()

    for _ in range(3):  # the first one asks the stores
        await client.me(tokens["access_token"])

    assert counted(registry)["GET", ME, "200"] == 3
    times = registry.get_sample_value(
        "doorward_http_request_seconds_count", {"method": "GET", "route": ME}
    )
    assert times == 3


async def test_answers_to_browsers_that_ask_first_are_counted(
    client: Client, registry: CollectorRegistry
) -> None:
    asked = {"Origin": CLIENT_ORIGIN, "Access-Control-Request-Method": "POST"}

    await client.options(REFRESH, headers=asked)

    assert counted(registry) == {("OPTIONS", REFRESH, "204"): 1}


async def test_the_templates_of_paths_are_counted_and_not_the_paths(
    client: Client, registry: CollectorRegistry
) -> None:
    tokens = await client.obtain_tokens()
    mine = bearer(tokens["access_token"])

    await client.delete(f"{SESSIONS}/{NO_SESSION}", headers=mine)
    await client.delete(f"{SESSIONS}/{EMAIL}", headers=mine)

    assert counted(registry)["DELETE", f"{SESSIONS}/{{session_id}}", "404"] == 2


async def test_an_outage_and_a_fault_are_counted(
    client: Client, faults: Faults, registry: CollectorRegistry
) -> None:
    faults.users = Unavailable("users")
    await client.log_in()
    faults.users = RuntimeError()
    await client.log_in()

    login = "/api/auth/login"
    assert counted(registry) == {("POST", login, "503"): 1, ("POST", login, "500"): 1}
    assert value(registry, "logins", outcome="unavailable") == 1
    assert value(registry, "logins", outcome="internal_error") == 1


async def test_too_many_attempts_are_counted(
    client: Client, faults: Faults, registry: CollectorRegistry
) -> None:
    faults.is_full = True

    await client.log_in()

    assert counted(registry) == {("POST", "/api/auth/login", "429"): 1}
    assert value(registry, "logins", outcome="too_many_requests") == 1


async def test_logins_and_refreshes_are_counted_by_outcome(
    client: Client, clock: SettableClock, registry: CollectorRegistry
) -> None:
    tokens = await client.obtain_tokens()
    await client.log_in(password="a guess")
    await client.refresh(tokens["refresh_token"])
    await client.refresh("no token")
    clock.now += 11 * SECOND
    await client.refresh(tokens["refresh_token"])

    assert value(registry, "registrations", outcome="success") == 1
    assert value(registry, "logins", outcome="success") == 1
    assert value(registry, "logins", outcome="invalid_credentials") == 1
    assert value(registry, "refreshes", outcome="success") == 1
    assert value(registry, "refreshes", outcome="invalid_token") == 1
    assert value(registry, "refreshes", outcome="refresh_token_reused") == 1
    assert endings(registry) == {"reuse": 1}


async def test_refused_access_tokens_are_counted(
    client: Client, registry: CollectorRegistry
) -> None:
    await client.me("no token")

    assert value(registry, "refusals", outcome="invalid_token") == 1


class TestEndsOfSessions:
    """Ends of sessions by the user, an administrator and the rules."""

    async def test_the_owners_ends_of_sessions_are_counted(
        self, client: Client, registry: CollectorRegistry
    ) -> None:
        mine = bearer((await client.obtain_tokens())["access_token"])
        await client.obtain_tokens()
        [other] = [
            each["id"]
            for each in (await client.get(SESSIONS, headers=mine)).json()["data"]["sessions"]
            if not each["isCurrent"]
        ]

        assert (await client.delete(f"{SESSIONS}/{other}", headers=mine)).is_success

        assert endings(registry) == {"owner": 1}

    async def test_ends_of_sessions_by_a_logout_are_counted(
        self, client: Client, registry: CollectorRegistry
    ) -> None:
        await client.log_out((await client.obtain_tokens())["refresh_token"])

        assert endings(registry) == {"logout": 1}

    async def test_ends_of_sessions_by_a_new_password_are_counted(
        self, client: Client, registry: CollectorRegistry
    ) -> None:
        mine = bearer((await client.obtain_tokens())["access_token"])

        assert (await client.change_password(PASSWORD, NEW_PASSWORD, headers=mine)).is_success

        assert endings(registry) == {"password": 1}

    async def test_ends_of_sessions_by_an_administrator_are_counted(
        self, client: Client, users: UserRepository, registry: CollectorRegistry
    ) -> None:
        await client.obtain_tokens()
        ada, admin = await stored_user(users, EMAIL), await an_administrator(client, users)

        assert (await client.delete(f"{USERS}/{ada.id}/sessions", headers=admin)).is_success

        assert endings(registry) == {"administrator": 1}

    async def test_ends_of_sessions_by_disabling_and_deleting_the_user_are_counted(
        self, client: Client, users: UserRepository, registry: CollectorRegistry
    ) -> None:
        await client.obtain_tokens()
        ada, admin = await stored_user(users, EMAIL), await an_administrator(client, users)
        path = f"{USERS}/{ada.id}"

        assert (await client.patch(path, json={"disabled": True}, headers=admin)).is_success
        assert (await client.delete(path, headers=admin)).is_success

        assert endings(registry) == {"disabled": 1, "deleted": 1}


class TestTooMany:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, tokens=replace(settings.tokens, sessions_per_user=1))

    async def test_the_oldest_session_of_too_many_is_counted_with_that_cause(
        self, client: Client, registry: CollectorRegistry
    ) -> None:
        await client.obtain_tokens()
        await client.obtain_tokens()

        assert endings(registry) == {"too_many": 1}


async def test_the_metrics_contain_no_personal_data(
    app: Litestar, origin_policy: OriginPolicy, users: UserRepository, registry: CollectorRegistry
) -> None:
    async with a_client(app, origin_policy.origin, "198.51.100.7") as client:
        tokens = await client.obtain_tokens()
        mine = bearer(tokens["access_token"])
        sessions = (await client.get(SESSIONS, headers=mine)).json()["data"]["sessions"]
        await client.delete(f"{SESSIONS}/{sessions[0]['id']}", headers=mine)
        await client.get(f"/{EMAIL}?token={tokens['refresh_token']}")
        await client.log_in(password="a guess")
        ada = await stored_user(users, EMAIL)

    text = generate_latest(registry).decode()
    assert secrets_in(text) == []
    for each in (EMAIL, PASSWORD, "198.51.100.7", sessions[0]["id"], str(ada.id), ada.name):
        assert each not in text
