"""The accent colour of pages: what has enough contrast, in the light and the dark scheme."""

import re
from pathlib import Path

import pytest

from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.config.web_pages.brand import DARK, LIGHT, accent, contrast

STYLESHEET = Path("src/api/web/static/pages.css")
COLORS = ["#1d4f91", "#000000", "#7a1fa2", "#0B6E4F", "#b00020", "#5c5c5c", "#0000ff"]


def test_the_contrast_of_two_colours_is_the_one_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#ffffff") == pytest.approx(1)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("color", COLORS)
def test_an_accent_has_enough_contrast_in_both_schemes(color: str) -> None:
    found = accent(color)

    assert found.light == color.lower()
    for background in (*LIGHT, found.on_light):
        assert contrast(found.light, background) >= 4.5
    for background in (*DARK, found.on_dark):
        assert contrast(found.dark, background) >= 4.5


def test_the_dark_scheme_gets_no_lighter_accent_than_it_needs() -> None:
    found = accent("#1d4f91")
    assert min(contrast(found.dark, each) for each in DARK) == pytest.approx(4.5, abs=0.15)


@pytest.mark.parametrize(("color", "ratio"), [("#ffcc00", "1.41"), ("#777777", "4.17")])
def test_a_refused_accent_names_its_contrast_and_a_colour_that_would_do(
    color: str, ratio: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Settings.read({"BRAND_COLOR": color})

    message = str(refused.value)
    assert message.startswith(f"BRAND_COLOR has a contrast of {ratio}:1 with the page")
    assert "need 4.5:1" in message
    [proposed] = re.findall("#[0-9a-f]{6}", message)
    assert accent(proposed).light == proposed


def test_the_backgrounds_are_those_of_the_stylesheet() -> None:
    light, _, dark = STYLESHEET.read_text().partition("prefers-color-scheme: dark")

    for scheme, backgrounds in ((light, LIGHT), (dark, DARK)):
        declared = dict(re.findall(r"--(page|card): (#[0-9a-f]{6})", scheme))
        assert (declared["card"], declared["page"]) == backgrounds
