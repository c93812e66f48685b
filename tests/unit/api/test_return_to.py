"""Where a login may lead."""

import pytest

from api.security.return_to import ReturnTargets

LISTED = "https://app.example.com/home?tab=1"


def test_a_listed_page_is_accepted() -> None:
    assert ReturnTargets({LISTED}).choose(LISTED, "/account") == LISTED


@pytest.mark.parametrize(
    "wanted",
    [
        LISTED + "/",
        LISTED + "&a=b",
        LISTED + "#a",
        LISTED.removesuffix("?tab=1"),
        LISTED.upper(),
        LISTED.replace("https", "http"),
        LISTED.replace("/home", "//home"),
        LISTED.replace("/home", ":443/home"),
        LISTED.replace("app.", "ada@app."),
        LISTED.replace(".com", ".com.evil.example"),
        f" {LISTED}",
        f"{LISTED}\n",
    ],
)
def test_a_page_that_is_not_listed_to_the_letter_is_refused(wanted: str) -> None:
    assert ReturnTargets({LISTED}).choose(wanted, "/account") == "/account"


def test_a_path_of_the_service_is_accepted_up_to_a_length() -> None:
    path = "/account/sessions?" + "a" * 982

    assert ReturnTargets().choose(path, "/account") == path
    assert ReturnTargets().choose(path + "a", "/account") == "/account"
