"""The command ``doorward``, run in this process: one of its own takes a second to start.

What only a process has is tested with one: signals, a terminal, a kill, its exit code.
"""

import io
import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from doorward.cli import main as command_line
from doorward.server import run as server

OWN = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
"""The environment of a command but for its settings: nothing of the developer's own."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished command leaves, as :class:`subprocess.CompletedProcess` has it."""

    returncode: int
    stdout: str
    stderr: str


def run_here(
    folder: Path, *arguments: str | Path, typed: str = "", settings: Mapping[str, str]
) -> Result:
    """Run the command in this process, in that folder, with these settings and no others.

    :param typed: what standard input holds; it is no terminal.
    """
    output, errors = io.StringIO(), io.StringIO()
    logging_before = structlog.get_config()
    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        for name in list(os.environ):
            patch.delenv(name)
        for name, value in {**OWN, **settings}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["doorward", *map(str, arguments)])
        patch.setattr(sys, "stdin", io.StringIO(typed))
        patch.setattr(server, "end_on_signals", lambda: None)
        patch.setattr(server, "run", _refuse_to_serve)
        try:
            with redirect_stdout(output), redirect_stderr(errors):
                code = _exit_code()
        finally:
            structlog.configure(**logging_before)
    return Result(code, output.getvalue(), errors.getvalue())


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
