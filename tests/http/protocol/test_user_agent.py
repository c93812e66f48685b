"""The names of browsers and programs from their User-Agent."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.user_agent import in_words
from domain.request_context import RequestContext
from domain.session_activity import SessionActivity

_WINDOWS, _LINUX = "Windows NT 10.0; Win64; x64", "X11; Linux x86_64"
_MAC, _IPHONE = "Macintosh; Intel Mac OS X 10_15_7", "iPhone; CPU iPhone OS 17_5 like Mac OS X"
_ANDROID = "Linux; Android 10; K"  # so says every Chrome since 110, whatever the device


def _firefox(system: str) -> str:
    return f"Mozilla/5.0 ({system}; rv:128.0) Gecko/20100101 Firefox/128.0"


def _chrome(system: str, more: str = "Safari/537.36") -> str:
    engine = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"
    return f"Mozilla/5.0 ({system}) {engine} {more}"


def _safari(system: str) -> str:
    engine = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
    return f"Mozilla/5.0 ({system}) {engine} Version/17.5 Safari/605.1.15"


def _on_ios(device: str, browser: str) -> str:
    engine = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
    return f"Mozilla/5.0 ({device}) {engine} {browser} Mobile/15E148 Safari/604.1"


BROWSERS = {
    _firefox(_WINDOWS): "Firefox 128 on Windows",
    _firefox(_MAC): "Firefox 128 on Mac",
    _firefox(_LINUX): "Firefox 128 on Linux",
    _firefox("X11; Ubuntu; Linux x86_64"): "Firefox 128 on Ubuntu",
    _on_ios(_IPHONE, "FxiOS/128.0"): "Firefox iOS 128 on iPhone",
    _chrome(_WINDOWS): "Chrome 126 on Windows",
    _chrome(_MAC): "Chrome 126 on Mac",
    _chrome(_LINUX): "Chrome 126 on Linux",
    _chrome("X11; CrOS x86_64 14541.0.0"): "Chrome 126 on Chrome OS",
    _chrome("Linux; Android 14; Pixel 8", "Mobile Safari/537.36"): "Chrome Mobile 126 on Pixel 8",
    _on_ios(_IPHONE, "CriOS/126.0.6478.54"): "Chrome Mobile iOS 126 on iPhone",
    _safari(_MAC): "Safari 17 on Mac",
    _on_ios(_IPHONE, "Version/17.5"): "Mobile Safari 17 on iPhone",
    _on_ios("iPad; CPU OS 17_5 like Mac OS X", "Version/17.5"): "Mobile Safari 17 on iPad",
    _chrome(_WINDOWS, "Safari/537.36 Edg/126.0.0.0"): "Edge 126 on Windows",
    _chrome(_MAC, "Safari/537.36 Edg/126.0.0.0"): "Edge 126 on Mac",
    _chrome(_LINUX, "Safari/537.36 Edg/126.0.0.0"): "Edge 126 on Linux",
    _on_ios(_IPHONE, "Version/17.0 EdgiOS/126.2535.96"): "Edge Mobile 126 on iPhone",
}

PROGRAMS = {
    "curl/8.5.0": "curl 8",
    "okhttp/4.12.0": "okhttp 4",
    "python-httpx/0.28.1": "python-httpx/0.28.1",
    "python-requests/2.32.3": "Python Requests 2",
    "Our-App/1.0 (build 5)": "Our-App/1.0",
    "node": "node",
}

NONSENSE = {
    "": "Unknown device",
    "   ": "Unknown device",
    "()": "()",
    "Mozilla/5.0": "Mozilla/5.0",
    "x" * 255: "x" * 50,
    "0": "0",
}


@pytest.mark.parametrize(("agent", "words"), BROWSERS.items(), ids=BROWSERS.values())
def test_a_browser_is_named_with_its_version_and_its_device(agent: str, words: str) -> None:
    assert in_words(agent) == words


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (_chrome(_ANDROID, "Mobile Safari/537.36"), "Chrome Mobile 126 on Android"),
        (_chrome(_ANDROID), "Chrome 126 on Android"),
        (
            "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0",
            "Firefox Mobile 128 on Android",
        ),
        (_chrome(_ANDROID, "Mobile Safari/537.36 EdgA/126.0.0.0"), "Edge Mobile 126 on Android"),
    ],
)
def test_where_a_browser_hides_the_device_the_system_is_named(agent: str, words: str) -> None:
    assert in_words(agent) == words


@pytest.mark.parametrize(("agent", "words"), PROGRAMS.items())
def test_an_unknown_program_keeps_its_own_name(agent: str, words: str) -> None:
    assert in_words(agent) == words


@pytest.mark.parametrize(("agent", "words"), NONSENSE.items())
def test_nonsense_is_called_something_too(agent: str, words: str) -> None:
    assert in_words(agent) == words


_PARTS = [*BROWSERS, *PROGRAMS, "Mozilla/5.0 (", "Android 1", "; K", "Build/", "iPhone"]
_AGENTS = st.lists(st.sampled_from(_PARTS) | st.text(), max_size=5).map("".join)


@given(_AGENTS)
def test_any_text_is_put_into_words(agent: str) -> None:
    assert in_words(agent)


@given(_AGENTS)
def test_a_stored_user_agent_is_short_and_printable(agent: str) -> None:
    noted = SessionActivity.of(RequestContext(agent=agent), datetime.now(UTC)).agent

    assert len(noted) <= 255
    for text in (noted, in_words(noted)):
        assert all(" " <= character <= "~" for character in text)
