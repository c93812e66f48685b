"""Pages with the brand of an installation: name, logo, accent colour and links."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from api.web.brand import Logo, LogoInvalid
from doorward.wiring.pages import brand
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.config.web_pages.brand import accent, footer_links
from infrastructure.config.web_pages.settings import PageSettings
from tests.http.client import Client
from tests.http.web.browser import Browser

SVG = (
    '<?xml version="1.0"?>\n<!-- made by hand -->\n<svg xmlns="http://www.w3.org/2000/svg" '
    'viewBox="0 0 2 2"><script>alert(1)</script><path d="M0 0h2v2z"/></svg>'
)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
LINKS = "Imprint=https://example.org/imprint?a=1&b=2,de:Impressum=https://example.org/impressum"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    logo = tmp_path / "Our logo.SVG"
    logo.write_text(SVG)
    pages = replace(
        settings.pages,
        service_name="Büro & Söhne",
        logo=logo,
        accent=accent("#7a1fa2"),
        footer_links=footer_links(LINKS),
    )
    return replace(settings, pages=pages)


async def test_pages_show_the_logo_under_the_name_of_the_service(
    browser: Browser, client: Client
) -> None:
    page = await browser.open("/login")

    [logo] = re.findall(r'<img src="(/assets/logo\.[0-9a-f]{12}\.svg)" alt="(.*?)">', page.source)
    assert logo[1] == "Büro &amp; Söhne"
    answer = await client.get(logo[0])
    assert answer.text == SVG
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "immutable" in answer.headers["cache-control"]


async def test_no_script_of_a_logo_runs(browser: Browser, client: Client) -> None:
    page = await browser.open("/login")
    [address] = set(re.findall(r'"(/assets/logo\.[^"]+)"', page.source))

    headers = (await client.get(address)).headers

    assert headers["content-security-policy"].startswith("default-src 'none'; style-src")
    assert headers["content-security-policy"].endswith("; sandbox")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


async def test_the_accent_colour_is_in_a_stylesheet_after_the_one_of_all_pages(
    browser: Browser, client: Client
) -> None:
    page = await browser.open("/login")

    common, own = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page.source)
    assert re.fullmatch(r"/assets/pages\.[0-9a-f]{12}\.css", common)
    assert re.fullmatch(r"/assets/brand\.[0-9a-f]{12}\.css", own)
    answer = await client.get(own)
    assert answer.headers["content-type"].startswith("text/css")
    light, _, dark = answer.text.partition("prefers-color-scheme: dark")
    assert "--accent: #7a1fa2; --on-accent: #ffffff" in light
    assert f"--accent: {accent('#7a1fa2').dark}; --on-accent: #14171b" in dark


async def test_the_footer_has_the_links_of_the_language(client: Client) -> None:
    english = (await Browser(client).open("/login")).source.partition("<footer>")[2]
    german = (await Browser(client, "de").open("/login")).source.partition("<footer>")[2]

    assert '<a href="https://example.org/imprint?a=1&amp;b=2">Imprint</a>' in english
    assert english.count("<li>") == german.count("<li>") == 1
    assert '<a href="https://example.org/impressum">Impressum</a>' in german


class TestWithoutBrand:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, pages=type(settings.pages)())

    async def test_pages_are_plain(self, browser: Browser) -> None:
        page = await browser.open("/login")

        assert "brand." not in page.source
        assert "logo." not in page.source
        assert "<footer>" not in page.source


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("logo.png", PNG),
        ("logo.svg", SVG.encode()),
        ("logo.svg", b"\xef\xbb\xbf" + SVG.encode()),
        ("logo.svg", SVG.replace("<!--", "<!DOCTYPE svg PUBLIC '-//W3C//DTD'><!--").encode()),
    ],
)
def test_a_logo_is_known_by_its_content(name: str, content: bytes) -> None:
    assert Logo.of(content).name == name


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (PNG + bytes(32 * 1024), "has 33 kB, and may have 32"),
        (b"GIF89a", "is neither a PNG nor an SVG"),
        (b"<html><svg xmlns='http://www.w3.org/2000/svg'></svg></html>", "is neither"),
        (b"<svg viewBox='0 0 1 1'></svg>", "with its xmlns"),
        (SVG.encode("utf-16"), "is neither"),
        (b"<!---->" * 4000, "is neither"),
        (b"", "is neither"),
    ],
)
def test_what_no_browser_shows_as_a_logo_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(LogoInvalid, match=reason):
        Logo.of(content)


@pytest.mark.parametrize("content", [None, b"GIF89a"])
def test_the_start_refuses_a_logo_that_is_missing_or_none(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "logo"
    if content:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"^BRAND_LOGO (cannot be read|is neither)"):
        brand(PageSettings(logo=path))
