"""How the pages are served that links in mails lead to.

What they do is in ``tests/browser/test_link_pages.py``.
"""

from pathlib import Path

import pytest

from tests.http.client import Client
from tests.http.documentation.test_api_docs import Links

SCRIPT = Path("src/api/static/links/links.js").read_text()


@pytest.mark.parametrize("path", ["/reset", "/verify", "/undo"])
async def test_a_page_runs_only_its_own_script_and_is_kept_nowhere(
    client: Client, path: str
) -> None:
    answer = await client.get(path)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-robots-tag"] == "noindex"
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "form-action 'none'"} <= set(policy)
    assert "unsafe" not in answer.headers["content-security-policy"]
    links = Links(answer.text)
    assert (links.targets, links.inline) == (["/reset/links.js"], [])
    script = await client.get("/reset/links.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.text == SCRIPT
