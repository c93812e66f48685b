"""The command ``doorward``, run in this process: one of its own takes a second to start.

Only signals, terminals, kills and exit codes are tested with a process.
"""

import io
import os
import re
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import structlog

from doorward.cli import main as command_line
from doorward.server import run as server
from doorward.wiring import container, passwords
from tests.support import cheap_hashes
from tests.support.processes import fork
from tests.support.shared_app import SharedGraph
from tests.support.waiting import PATIENCE

_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
"""What a command gets besides its settings: nothing of the developer's own."""

_shared_graph = cache(SharedGraph)

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Result:
    """The output of a finished command."""

    returncode: int
    stdout: str
    stderr: str


def doorward(
    folder: Path, *arguments: str | Path, typed: str = "", encoding: str = "utf-8", **settings: str
) -> Result:
    """Run the command in this process, in that folder, with these settings and no others.

    :param typed: the content of standard input, which is no terminal.
    :param encoding: of standard output.
    """
    output, errors = _output(encoding), _output("utf-8")
    with pytest.MonkeyPatch.context() as patch, chdir(folder), _environment(settings):
        patch.setattr(sys, "argv", ["doorward", *map(str, arguments)])
        patch.setattr(sys, "stdin", io.StringIO(typed))
        patch.setattr(server, "run", _refuse_to_serve)
        patch.setattr(passwords, "Cost", cheap_hashes.cost)
        patch.setattr(container, "make_async_container", _shared_graph())
        with redirect_stdout(output), redirect_stderr(errors):
            code = _exit_code()
    return Result(code, _text(output), _text(errors))


def forked(folder: Path, *arguments: str, **settings: str) -> Result:
    """Run the command in a process that has imported it, whose exit code the system reports."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = fork(
            ["doorward", *arguments],
            folder,
            _ENVIRONMENT | settings,
            output.fileno(),
            errors.fileno(),
        )
        code = process.wait(PATIENCE)
        output.seek(0)
        errors.seek(0)
        return Result(code, output.read().decode(), errors.read().decode())


def assert_one_line(result: Result, code: int, containing: str) -> None:
    """The command failed with that exit code, and said why in one line."""
    assert result.returncode == code, result.stderr
    assert result.stdout == ""
    assert re.fullmatch(r"doorward: [^\n]+\n", result.stderr), result.stderr
    assert containing in result.stderr


def _output(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding, newline="")


def _text(output: io.TextIOWrapper) -> str:
    output.seek(0)
    return output.read()


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Set exactly these variables, and undo other changes of a command."""
    variables, logging = dict(os.environ), structlog.get_config()
    handlers = {each: signal.getsignal(each) for each in _SIGNALS}
    os.environ.clear()
    os.environ.update(_ENVIRONMENT | settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(variables)
        structlog.configure(**logging)
        for each, handler in handlers.items():
            signal.signal(each, handler)


def _exit_code() -> int:
    """Run ``main``; the exit code that its process would have."""
    try:
        command_line.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - Python itself would print any of them
        traceback.print_exc()
        return 1
    return 0


def _refuse_to_serve(*_: object) -> None:
    raise AssertionError("the service has started: run it in a process of its own")
