"""The programs in docs/from-zero.md do what the page says."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from domain.outcome import Outcome
from infrastructure.config.parsers import OWN_PATHS
from tests.http.routes import documented_routes
from tests.project.test_verifiers import ISSUER, REFUSED, keys_url, tokens
from tests.support.builders import PASSWORD
from tests.support.npm import NODE
from tests.support.processes import QUICK, Service, a_service

__all__ = ["keys_url", "tokens"]  # fixtures

PAGE = Path("docs/from-zero.md").read_text()

BROWSER = """
const jar = new Map(), sent = []
let failing = 0
const network = globalThis.fetch
globalThis.fetch = async (path, options = {}) => {
  sent.push(path)
  if (path.endsWith('/refresh') && failing) {
    return new Response('{"code":"unavailable"}', { status: 503 })
  }
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const headers = { ...options.headers, Cookie: cookie }
  const answer = await network(URL_OF_SERVICE + path, { ...options, headers })
  for (const each of answer.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(each)
    if (/Max-Age=0/.test(each)) jar.delete(name)
    else jar.set(name, value)
  }
  return answer
}
const expire = () => { jar.delete('access_token'); jar.delete('logged_in'); sent.length = 0 }
const refreshes = () => sent.filter((path) => path.endsWith('/refresh')).length
"""
"""A browser's cookie jar around Node's fetch, which has none."""

VISIT = """
import { call, logIn } from './session.mjs'
const user = { name: 'Ada', email: 'ada@example.com', password: PASSWORD }
const json = { 'Content-Type': 'application/json' }
await fetch('/api/auth/register', { method: 'POST', headers: json, body: JSON.stringify(user) })
const results = {}

results.before = (await call('/api/users/me')).status
const login = await logIn(user.email, user.password)
results.login = [login.status, Object.keys(await login.json()).includes('access_token')]

expire()
const at = ['/api/users/me', '/api/sessions', '/api/users/me', '/api/users/me/activity']
results.together = (await Promise.all(at.map((path) => call(path)))).map((each) => each.status)
results.refreshes = refreshes()

expire()
failing = 1
const outage = await Promise.all([call('/api/users/me'), call('/api/sessions')])
const answerOf = async (each) => [each.status, (await each.json()).code]
results.outage = await Promise.all(outage.map(answerOf))
failing = 0
results.afterwards = (await call('/api/users/me')).status

const elsewhere = new Map(jar)
await fetch('/api/auth/logout', { method: 'POST' })
for (const [name, value] of elsewhere) jar.set(name, value)
results.ended = await answerOf(await call('/api/users/me'))
console.log(JSON.stringify(results))
"""


def program(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with a_service(tmp_path, **QUICK) as service:
        yield service


def test_calls_share_one_refresh_and_an_outage_logs_no_user_out(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "session.mjs").write_text(program("js"))
    constants = (
        f"const URL_OF_SERVICE = {json.dumps(service.url)}, PASSWORD = {json.dumps(PASSWORD)}"
    )
    (tmp_path / "visit.mjs").write_text(f"{constants}\n{BROWSER}\n{VISIT}")

    command = [NODE, tmp_path / "visit.mjs"]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)

    assert json.loads(ran.stdout) == {
        "before": 401,
        "login": [200, False],
        "together": [200, 200, 200, 200],
        "refreshes": 1,
        "outage": [[503, "unavailable"], [503, "unavailable"]],
        "afterwards": 200,
        "ended": [401, "invalid_token"],
    }


class Refused(Exception):
    """A stand-in for FastAPI's HTTPException."""

    def __init__(self, status: int, *_: object) -> None:
        super().__init__(status)
        self.status = status


@pytest.fixture
def fastapi(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for FastAPI that registers the functions for the test to call."""

    def register(_path: str) -> Callable[[Any], Any]:
        return lambda handler: handler

    module = ModuleType("fastapi")
    module.__dict__.update(
        Depends=lambda called: called,
        FastAPI=lambda: SimpleNamespace(get=register),
        Header=lambda: None,
        HTTPException=Refused,
    )
    monkeypatch.setitem(sys.modules, "fastapi", module)


@pytest.mark.usefixtures("fastapi")
def test_the_api_accepts_good_tokens_only(tokens: dict[str, str], keys_url: str) -> None:
    names: dict[str, Any] = {}
    text = program("python").replace('f"{ISSUER}/.well-known/jwks.json"', repr(keys_url))
    exec(text, names)  # noqa: S102 - ours
    assert names["ISSUER"] == ISSUER

    assert names["claims"](f"bearer {tokens['good']}")["roles"] == ["user"]

    for header in ["", tokens["good"], *(f"Bearer {tokens[name]}" for name in REFUSED)]:
        with pytest.raises(Refused) as refused:
            names["claims"](header)
        assert refused.value.status == 401


def test_the_page_names_codes_that_exist() -> None:
    codes = set(re.findall(r"^\| `(\w+)` \| \d{3} ", PAGE, re.MULTILINE))

    assert len(codes) == 16
    assert codes <= {each.value for each in Outcome}


def test_the_page_of_gateways_lists_every_route() -> None:
    table = Path("docs/gateways.md").read_text().partition("## The routes")[2].partition("## ")[0]
    listed = {
        path
        for row in re.findall(r"^\| (`/.*?) \|", table, re.MULTILINE)
        for path in re.findall(r"`([^`]+)`", row)
    }
    below = {"/api/auth/", "/api/users/me", "/api/users/{user_id}", "/api/sessions"}

    well_known = {"/.well-known/change-password", "/.well-known/webauthn"}
    pages = {f"/{each}" for each in OWN_PATHS} - {"/.well-known", "/api", "/health"}
    served = {path for _, path in documented_routes()} | pages | well_known | {"/"}

    assert below <= listed <= served | {"/api/auth/"}
    for path in served:
        assert path in listed or path.startswith(
            tuple(each.rstrip("/") + "/" for each in below)
        ), path
