"""Where browsers may go after a login: what ``RETURN_TARGETS`` accepts."""

import pytest

from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.config.web_pages.return_targets import return_targets


def test_pages_and_addresses_of_applications_are_accepted() -> None:
    pages = {"https://app.example.com/home?a=b", "http://localhost:3000/", "https://app.example"}
    apps = {"com.example.app:/callback", "com.example.app://login/callback", "org.example-1.x:/"}

    settings = Settings.read({"RETURN_TARGETS": ", ".join([*pages, *apps]) + ","})

    assert settings.pages.return_targets == pages | apps
    assert settings.pages.return_pages == pages


@pytest.mark.parametrize(
    "text",
    [
        "http://app.example.com/",
        "https://app.example.com/#home",
        "javascript:alert(1)",
        "javascript.x:alert(1)",
        "data:text/html,x",
        "myapp:/callback",
        "com.example.app:callback",
        "com.example.app:/callback#x",
        "com.example.app:/call back",
        "com.example.app:/\u2028x",
        "Com.Example.App:/callback",
        ".example:/x",
        "com..example:/x",
        "1com.example:/x",
        "com.example.app:/" + "x" * 255,
        "/account",
        "//app.example.com",
        "*",
    ],
)
def test_others_are_refused_without_their_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be https URLs of pages") as refused:
        return_targets(text)

    assert text not in str(refused.value)
    with pytest.raises(ConfigurationError, match="RETURN_TARGETS"):
        Settings.read({"RETURN_TARGETS": text})
