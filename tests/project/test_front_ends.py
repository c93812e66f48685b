"""The example of docs/front-ends.md for a mobile app, run by Node."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import PASSWORD
from tests.support.npm import NODE
from tests.support.processes import QUICK, Service, a_service

[PROGRAM] = re.findall(r"```ts\n(.*?)```", Path("docs/front-ends.md").read_text(), re.DOTALL)

VISIT = """
import { Doorward, LoggedOut, TryLater } from './doorward.mts'

const network = globalThis.fetch
const sent: string[] = []
let failing: number | 'lost' | null = null
globalThis.fetch = async (url, options) => {
  sent.push(String(url).slice(URL_OF_SERVICE.length))
  if (typeof failing === 'number') return new Response('{}', { status: failing })
  const answer = await network(url, options)
  if (failing === 'lost') throw new TypeError('the answer was lost')
  return answer
}
const refreshes = () => sent.filter((path) => path === '/api/auth/refresh').length
const words = (error: unknown) => {
  if (error instanceof LoggedOut) return 'logged out'
  return error instanceof TryLater ? 'later' : 'lost'
}
const outcome = (call: Promise<Response>) => call.then((answer) => answer.status, words)

let kept: string | null = null
const store = {
  read: async () => kept,
  write: async (token: string) => { kept = token },
  remove: async () => { kept = null },
}
const me = `${URL_OF_SERVICE}/api/users/me`
const start = () => new Doorward(URL_OF_SERVICE, store) // as when the app starts
const results: Record<string, unknown> = {}

const user = { name: 'Ada', email: 'ada@example.com', password: PASSWORD }
const json = { 'Content-Type': 'application/json' }
const body = JSON.stringify(user)
await fetch(`${URL_OF_SERVICE}/api/auth/register`, { method: 'POST', headers: json, body })

results.before = await outcome(start().call(me))
results.refused = (await (await start().logIn(user.email, 'wrong')).json()).code
results.login = (await start().logIn(user.email, user.password)).status

sent.length = 0
let app = start()
results.together = await Promise.all([1, 2, 3].map(() => outcome(app.call(me))))
results.refreshes = refreshes()

const first = kept
failing = 503
results.outage = await outcome(start().call(me))
failing = 'lost'
results.lost = await outcome(start().call(me))
failing = null
results.unchanged = kept === first
results.afterwards = await outcome(start().call(me))

app = start()
const another = start()
await app.call(me)
await another.call(me)
await another.logOut()
results.ended = await outcome(app.call(me))
results.kept = kept
console.log(JSON.stringify(results))
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with a_service(tmp_path, **QUICK) as service:
        yield service


def test_an_app_refreshes_once_and_stays_logged_in_through_outages(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "doorward.mts").write_text(PROGRAM)
    constants = (
        f"const URL_OF_SERVICE = {json.dumps(service.url)}, PASSWORD = {json.dumps(PASSWORD)}"
    )
    (tmp_path / "visit.mts").write_text(f"{constants}\n{VISIT}")

    command = [str(NODE), "--disable-warning=ExperimentalWarning", str(tmp_path / "visit.mts")]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "before": "logged out",
        "refused": "invalid_credentials",
        "login": 200,
        "together": [200, 200, 200],
        "refreshes": 1,
        "outage": "later",
        "lost": "lost",
        "unchanged": True,
        "afterwards": 200,
        "ended": "logged out",
        "kept": None,
    }
