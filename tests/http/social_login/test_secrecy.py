"""What a login at another provider leaves in logs: neither its codes nor its secrets."""

from dataclasses import replace

import pytest

from domain.errors import ProviderRefused, ProviderUnavailable
from infrastructure.config.logging import LogSettings
from infrastructure.config.settings import Settings
from infrastructure.telemetry.logging import json_formatter
from tests.http.client import SOCIAL_TOKEN
from tests.http.flows import APP, CHALLENGE, CODE, VERIFIER, state_of
from tests.http.social_login.conftest import Browser, place_of
from tests.support.social_login import FakeProvider

STATE = "the state of the application"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a line for each request."""
    return replace(settings, logs=LogSettings(access="on"))


async def test_logs_have_no_secret_of_a_flow(
    browser: Browser, acme: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = {CODE, VERIFIER, STATE}
    for failure in (None, ProviderRefused("id_token_expired"), ProviderUnavailable("timeout")):
        begun = await browser.start(
            return_to=APP, state="the state of the application", **CHALLENGE
        )
        secrets |= {state_of(begun), *(browser.client.cookies[each] for each in browser.flows)}
        secrets |= {acme.sent[-1].nonce, acme.sent[-1].code_verifier}
        if failure:
            acme.says = failure
        answer = await browser.come_back(begun)
        await browser.client.post(
            "/api/auth/social/acme/callback", data={"state": state_of(begun)}
        )
        if code := place_of(answer)[1].get("code"):
            secrets.add(code)
            body = {"code": code, "code_verifier": VERIFIER, "transport": "bearer"}
            tokens = (await browser.client.post(SOCIAL_TOKEN, json=body)).json()
            secrets |= {tokens["access_token"], tokens["refresh_token"], tokens["device_token"]}

    lines = [
        json_formatter().format(record)
        for record in caplog.records
        if not record.name.startswith("httpx")
    ]
    paths = [line for line in lines if "/api/auth/social/{provider}/callback" in line]
    assert len(paths) == 6
    found = [secret for secret in secrets for line in lines if secret in line]
    assert found == []
