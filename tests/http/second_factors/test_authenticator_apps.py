"""Adding and removing an authenticator app over HTTP, in both transports."""

from pathlib import Path
from xml.etree import ElementTree as Xml

import httpx
import pytest
from litestar import Litestar

from infrastructure.config.settings import Settings
from tests.http.client import (
    CONFIRM_TOTP,
    MY_CODES,
    MY_EXPORT,
    MY_FACTORS,
    MY_TOTP,
    ORIGIN,
    SESSIONS,
    Client,
    a_client,
    bearer,
    code_at,
)
from tests.support.builders import SECOND
from tests.support.doubles import SettableClock

SVG = "{http://www.w3.org/2000/svg}"


async def factors(client: Client, token: str | None = None) -> object:
    headers = bearer(token) if token else {}
    answer = await client.get(MY_FACTORS, headers=headers)
    assert answer.status_code == 200
    return {name: value for name, value in answer.json().items() if name != "status"}


async def sessions(client: Client, token: str | None = None) -> int:
    headers = bearer(token) if token else {}
    return len((await client.get(SESSIONS, headers=headers)).json()["data"]["sessions"])


async def step_up_with_app(
    client: Client, clock: SettableClock, enrolled: httpx.Response, token: str | None = None
) -> httpx.Response:
    clock.advance(30 * SECOND)
    code = code_at(enrolled.extensions["secret"], clock())
    answer = await client.step_up(token, method="totp", code=code)
    assert answer.status_code == 200
    return answer


async def test_a_proposed_secret_comes_as_text_uri_and_image(client: Client) -> None:
    token = await client.stepped_up((await client.obtain_tokens())["access_token"])

    answer = await client.post(MY_TOTP, headers=bearer(token))

    body = answer.json()
    assert body.keys() == {"status", "secret", "uri", "qr", "expires_in"}
    assert len(body["secret"]) == 32
    assert body["uri"] == (
        f"otpauth://totp/localhost:ada%40example.org?secret={body['secret']}"
        "&issuer=localhost&algorithm=SHA1&digits=6&period=30"
    )
    assert body["expires_in"] == 600
    assert answer.headers["cache-control"] == "no-store"
    assert await factors(client, token) == {
        "totp": False,
        "passkeys": 0,
        "recovery_codes_left": 0,
    }


async def test_the_image_needs_no_script_and_no_style(client: Client) -> None:
    token = await client.stepped_up((await client.obtain_tokens())["access_token"])

    body = (await client.post(MY_TOTP, headers=bearer(token))).json()

    image = Xml.fromstring(body["qr"])  # noqa: S314 - it is our own
    assert image.attrib.keys() == {"viewBox", "class"}
    assert {each.tag for each in image.iter()} == {f"{SVG}svg", f"{SVG}path"}
    names = {name for each in image.iter() for name in each.attrib}
    assert names == {"viewBox", "class", "fill", "stroke", "d"}
    assert body["secret"] not in body["qr"]


async def test_an_app_is_confirmed_with_a_bearer_token(
    client: Client, clock: SettableClock
) -> None:
    tokens = await client.obtain_tokens()
    await client.obtain_tokens()  # another session

    answer = await client.enrol(clock(), tokens["access_token"])

    body = answer.json()
    assert set(body) == {
        *("status", "access_token", "token_type", "expires_in", "refresh_token"),
        *("device_token", "recovery_codes"),
    }
    assert len(set(body["recovery_codes"])) == 10
    assert "set-cookie" not in answer.headers
    token = body["access_token"]
    assert await sessions(client, token) == 1
    assert (await client.verify(token)).headers["x-session-level"] == "2"
    assert await factors(client, token) == {
        "totp": True,
        "passkeys": 0,
        "recovery_codes_left": 10,
    }
    assert (await client.me(tokens["access_token"])).status_code == 401


async def test_an_app_is_confirmed_with_cookies(
    client: Client, app: Litestar, clock: SettableClock
) -> None:
    await client.sign_up()
    async with a_client(app, ORIGIN) as thief:
        answer = await client.enrol(clock())
        thief.cookies.update(client.cookies)
        confirmed = dict(client.cookies)
        await step_up_with_app(client, clock, answer)
        assert (await thief.me()).status_code == 401

    assert set(answer.json()) == {"status", "expires_in", "recovery_codes"}
    assert confirmed.keys() == {"access_token", "refresh_token", "logged_in", "device"}
    assert await sessions(client) == 1
    device = await client.log_in()  # known to the account of now
    assert device.json()["code"] == "second_factor_required"


async def test_a_copy_of_the_tokens_is_dead_after_a_confirmation(
    client: Client, app: Litestar, clock: SettableClock
) -> None:
    await client.sign_up()
    assert (await client.step_up()).status_code == 200
    proposed = (await client.post(MY_TOTP)).json()
    async with a_client(app, ORIGIN) as thief:
        thief.cookies.update(client.cookies)
        assert (await thief.me()).status_code == 200
        code = {"code": code_at(proposed["secret"], clock())}

        assert (await client.post(CONFIRM_TOTP, json=code)).status_code == 200

        assert (await thief.me()).status_code == 401
        assert (await thief.refresh()).status_code == 401
    assert (await client.me()).status_code == 200


async def test_a_wrong_code_confirms_nothing(client: Client) -> None:
    token = await client.stepped_up((await client.obtain_tokens())["access_token"])
    await client.post(MY_TOTP, headers=bearer(token))

    answer = await client.post(CONFIRM_TOTP, json={"code": "000000"}, headers=bearer(token))

    assert (answer.status_code, answer.json()["code"]) == (400, "second_factor_invalid")
    assert (await client.me(token)).status_code == 200
    assert (await client.log_in()).status_code == 200


async def test_an_app_is_removed_with_a_bearer_token(client: Client, clock: SettableClock) -> None:
    enrolled = await client.enrol(clock(), (await client.obtain_tokens())["access_token"])
    stepped = await step_up_with_app(client, clock, enrolled, enrolled.json()["access_token"])

    answer = await client.delete(MY_TOTP, headers=bearer(stepped.json()["access_token"]))

    assert answer.status_code == 200
    assert {"access_token", "refresh_token", "device_token"} <= set(answer.json())
    token = answer.json()["access_token"]
    assert await factors(client, token) == {
        "totp": False,
        "passkeys": 0,
        "recovery_codes_left": 0,
    }
    assert (await client.me(stepped.json()["access_token"])).status_code == 401
    assert (await client.log_in()).status_code == 200


async def test_an_app_is_removed_with_cookies(client: Client, clock: SettableClock) -> None:
    await client.sign_up()
    await step_up_with_app(client, clock, await client.enrol(clock()))

    answer = await client.delete(MY_TOTP)

    assert answer.json() == {"status": "success", "expires_in": 900}
    assert (await client.me()).status_code == 200
    assert (await client.delete(MY_TOTP)).json()["code"] == "step_up_required"


async def test_fresh_recovery_codes_end_the_former_ones(
    client: Client, clock: SettableClock
) -> None:
    await client.sign_up()
    enrolled = await client.enrol(clock())  # a session that has stepped up
    [former, *_] = enrolled.json()["recovery_codes"]

    answer = await client.post(MY_CODES)

    assert answer.status_code == 200
    assert answer.json().keys() == {"status", "recovery_codes"}
    assert "set-cookie" not in answer.headers
    [fresh, *others] = answer.json()["recovery_codes"]
    assert len({fresh, *others}) == 10
    refused = await client.log_in()
    answers = [
        await client.answer_challenge(refused, code, "recovery_code") for code in (former, fresh)
    ]
    assert [each.status_code for each in answers] == [400, 200]


@pytest.mark.parametrize("method", ["DELETE", "POST"])
async def test_what_needs_a_factor_is_not_found_without_one(client: Client, method: str) -> None:
    token = await client.stepped_up((await client.obtain_tokens())["access_token"])
    path = MY_TOTP if method == "DELETE" else MY_CODES

    answer = await client.request(method, path, headers=bearer(token))

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", [MY_TOTP, CONFIRM_TOTP, MY_CODES])
async def test_a_page_of_another_site_changes_no_factor(
    client: Client, clock: SettableClock, path: str
) -> None:
    await client.sign_up()
    await client.enrol(clock())
    before = await factors(client)

    answer = await client.post(
        path, json={"code": "000000"}, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
    assert await factors(client) == before


async def test_the_export_says_that_there_is_a_factor_and_no_secret(
    client: Client, clock: SettableClock
) -> None:
    await client.sign_up()
    enrolled = await client.enrol(clock())

    answer = await client.get(MY_EXPORT)

    assert answer.json()["data"]["second_factors"] == {
        "totp": True,
        "passkeys": 0,
        "recovery_codes_left": 10,
    }
    secrets = [enrolled.extensions["secret"], *enrolled.json()["recovery_codes"]]
    assert not [each for each in secrets if each in answer.text]


class TestWhereAddressesAreVerified:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return _settings(tmp_path, EMAIL_VERIFICATION="optional")

    async def test_a_factor_needs_a_proven_address(self, client: Client) -> None:
        token = await client.stepped_up((await client.obtain_tokens())["access_token"])

        answer = await client.post(MY_TOTP, headers=bearer(token))

        assert (answer.status_code, answer.json()["code"]) == (403, "email_unverified")


class TestSwitchedOff:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return _settings(tmp_path, MFA="off")

    async def test_an_installation_without_second_factors_says_so(
        self, client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        token = await client.stepped_up((await client.obtain_tokens())["access_token"])

        for path in (MY_TOTP, CONFIRM_TOTP):
            answer = await client.post(path, json={"code": "000000"}, headers=bearer(token))
            assert (answer.status_code, answer.json()["code"]) == (501, "second_factors_off")

        assert await factors(client, token)
        assert "request_failed" not in caplog.text


class TestDemanded:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return _settings(tmp_path, MFA="everybody")

    async def test_a_restricted_session_becomes_a_whole_one_by_an_enrolment(
        self, client: Client, clock: SettableClock
    ) -> None:
        token = (await client.obtain_tokens())["access_token"]
        assert (await client.me(token)).json()["code"] == "second_factor_enrolment_required"

        enrolled = await client.enrol(clock(), token)

        assert (await client.me(enrolled.json()["access_token"])).status_code == 200


def _settings(folder: Path, **variables: str) -> Settings:
    return Settings.read(
        {"USERS_URL": "memory:", "MAIL_URL": "memory:", "DOORWARD_DATA": str(folder)}
        | {"EMAIL_VERIFICATION": "off"}
        | variables
    )
