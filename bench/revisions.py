"""This revision and another one, whose services take turns.

``BENCH_BASE=<revision>`` names the other one. It is checked out and installed in a folder of its
own, and its users sign up over HTTP, so any revision can be one.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.services import ROOT
from bench.testbed import Testbed
from tests.support.databases import TemplateDatabases
from tests.support.processes import SERVE, Service, a_service

BASE = "BENCH_BASE"
"""The variable with a revision to compare with."""


@dataclass(frozen=True, slots=True)
class Revision:
    """
    :ivar command: that starts its service.
    :ivar databases: with its tables.
    """

    name: str
    command: Sequence[str]
    databases: TemplateDatabases


def started_of(
    testbed: Testbed, revision: Revision, settings: Mapping[str, str]
) -> AbstractContextManager[Service]:
    folder = Path(tempfile.mkdtemp(dir=testbed.folder))
    common = {"TOKEN_ALGORITHM": "RS256", "WORKERS": "1"}
    return a_service(folder, revision.command, **{**common, **settings})


@contextmanager
def opened_revisions(testbed: Testbed) -> Iterator[Sequence[Revision]]:
    """Yield this revision, and then the other one, if there is one."""
    ours = Revision("this revision", SERVE, testbed.databases)
    named = os.environ.get(BASE)
    if not named:
        yield [ours]
        return
    folder = testbed.folder / "base"
    _git("worktree", "add", "--detach", str(folder), named)
    try:
        # The newest of the wheels that were fetched for this revision do, where it needs them.
        subprocess.run([sys.executable, "tools/bootstrap.py"], cwd=folder, check=True)
        command = str(folder / ".venv" / "bin" / "doorward")
        make = partial(_migrate, command)
        with TemplateDatabases(testbed.postgres.url, make) as databases:
            yield [ours, Revision(f"revision {named}", (command, "serve"), databases)]
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _migrate(command: str, url: str) -> None:
    environment = {"PATH": os.environ["PATH"], "USERS_URL": url, "SESSIONS_URL": url}
    subprocess.run(  # noqa: S603 - the revision under test
        [command, "migrate", "up"], env=environment, check=True
    )


def _git(*arguments: str) -> None:
    subprocess.run(  # noqa: S603 - no input of strangers
        ["git", *arguments],  # noqa: S607 - the developer's own
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
