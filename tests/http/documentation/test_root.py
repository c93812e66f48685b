"""The page at ``/`` names the service, to browsers and to programs."""

from dataclasses import replace

import httpx
import pytest

from infrastructure.config.settings import Settings
from tests.http.client import Client
from tests.http.documentation.test_api_docs import Links

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PAGES = ["/login", "/register"]
DOCUMENTATION = ["/docs", "/openapi.json"]
ALWAYS = ["/.well-known/jwks.json", "/api/healthchecker"]


def targets(page: httpx.Response) -> list[str]:
    """Return the links of the page itself, without those of its frame."""
    return Links(page.text.partition("<h1>")[2]).targets


async def test_a_browser_gets_a_page_with_links_to_everything_there_is(client: Client) -> None:
    page = await client.get("/", headers=BROWSER)
    links = Links(page.text)

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["vary"] == "Origin, Accept"
    assert "authentication service" in page.text
    assert links.inline == []
    assert targets(page) == PAGES + DOCUMENTATION + ALWAYS
    for target in links.targets:
        assert (await client.get(page.url.join(target))).status_code == 200


@pytest.mark.parametrize("accepted", ["*/*", "application/json", ""])
async def test_a_program_gets_json(client: Client, accepted: str) -> None:
    answer = await client.get("/", headers={"Accept": accepted})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "status": "success",
        "message": "Doorward, an authentication service. Its API is below /api/.",
        "links": DOCUMENTATION + ALWAYS,
    }


async def test_the_page_is_read_only(client: Client) -> None:
    assert (await client.head("/", headers=BROWSER)).content == b""
    assert (await client.post("/")).json()["code"] == "method_not_allowed"


class TestBelowAPath:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(
            settings, http=replace(settings.http, public_url="https://example.org/auth")
        )

    @pytest.mark.parametrize("origin_policy", ["https://example.org"], indirect=True)
    @pytest.mark.parametrize("path", ["/auth", "/auth/", "/"])
    async def test_links_below_a_path_lead_to_the_routes_as_browsers_see_them(
        self, client: Client, path: str
    ) -> None:
        page = await client.get(path, headers=BROWSER)
        links = targets(page)

        assert links == [f"/auth{each}" for each in PAGES + DOCUMENTATION + ALWAYS]
        for target in links:
            assert (await client.get(page.url.join(target))).status_code == 200


class TestWithoutDocumentation:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, http=replace(settings.http, api_docs=False))

    async def test_the_page_has_no_links_to_disabled_documentation(self, client: Client) -> None:
        page = await client.get("/", headers=BROWSER)
        assert targets(page) == PAGES + ALWAYS
        assert (await client.get("/")).json()["links"] == ALWAYS


class TestWithoutPages:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, pages=replace(settings.pages, which="off"))

    async def test_the_page_has_no_links_to_pages_that_are_off(self, client: Client) -> None:
        page = await client.get("/", headers=BROWSER)

        assert page.headers["vary"] == "Origin, Accept"
        assert "authentication service" in page.text
        assert Links(page.text).inline == []
        assert Links(page.text).targets == DOCUMENTATION + ALWAYS

    async def test_a_program_gets_the_same_json(self, client: Client) -> None:
        assert (await client.get("/")).json()["links"] == DOCUMENTATION + ALWAYS
