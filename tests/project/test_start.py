"""The start of `doorward serve` on the embedded default loads nothing that it does not use."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from doorward.diagnostics import preflight
from infrastructure.config.settings import Settings

UNUSED = {
    "alembic": "the database is at the newest revision",
    "asyncpg": "the users are in SQLite",
    "fido2": "no passkey is used yet",
    "httpx": "nothing is requested yet",
    "infrastructure.identity_providers.oidc": "no other provider is configured",
    "opentelemetry": "traces are off",
    "prometheus_client": "metrics are off",
    "redis": "the sessions are in SQLite",
    "rich": "tracebacks are text",
    "segno": "no authenticator app is enrolled yet",
    "sqlalchemy.dialects.postgresql": "the users are in SQLite",
    "sqlalchemy.orm": "the stores need statements and connections only",
    "ua_parser": "no session is shown yet",
    "zxcvbn": "no password is chosen yet",
}
"""Each takes 10 to 100 ms of computing time, and up to 20 MB."""

START = """
import asyncio, json, sys
from doorward.cli.main import doorward
doorward.commands["serve"].load()
from api.lifecycle import Lifecycle
from doorward.diagnostics import preflight
from doorward.main import open_app
from doorward.starting import starting
from infrastructure.config.settings import Settings

async def start():
    settings = Settings.read(json.loads(sys.argv[1]))
    await preflight.prepare_service(settings)
    with starting():
        async with open_app(settings, Lifecycle()):
            pass

asyncio.run(start())
print(json.dumps(sorted(sys.modules)))
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session  # as a backend may need it
assert AsyncSession().sync_session and async_scoped_session.__module__ in sys.modules
"""


def test_a_start_loads_no_module_that_it_does_not_use(tmp_path: Path) -> None:
    environment = {"DOORWARD_DATA": str(tmp_path / "var"), "TOKEN_ALGORITHM": "EdDSA"}
    asyncio.run(preflight.prepare_service(Settings.read(environment)))  # the first start migrates

    command = [sys.executable, "-c", START, json.dumps(environment)]
    started = subprocess.run(command, check=True, capture_output=True, text=True)

    loaded = json.loads(started.stdout.splitlines()[-1])
    assert "litestar" in loaded
    assert [name for name in UNUSED if name in loaded] == []
