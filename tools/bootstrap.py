"""Prepare this checkout with nothing but the standard library of Python 3.11 or newer.

    python3 tools/bootstrap.py              bring .venv up to date; at once when it is
    python3 tools/bootstrap.py --no-dev     the same with what the service needs, and no more;
                                            tools that are there already stay
    python3 tools/bootstrap.py lock ...     run uv with these arguments

uv does the work. One on PATH is used when it is recent enough, else the pinned one goes to
.tools/. Index, proxy and certificate settings for pip and uv are taken from the environment
as they are: nothing here overrides them.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
TOOLS, VENV = ROOT / ".tools", ROOT / ".venv"
STAMP = VENV / ".bootstrap-stamp"

UV_OLDEST = (0, 13)
UV_BY_HASH = ROOT / "tools" / "uv.txt"
PIP_WHEEL = "pip-26.3-py3-none-any.whl"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"

# The interpreter behind any virtual environment, so that an activated .venv changes nothing.
PYTHON = os.path.realpath(sys.executable)


NO_DEV = "--no-dev"


def main(arguments: list[str]) -> None:
    if arguments and arguments != [NO_DEV]:
        os.chdir(ROOT)
        uv = find_uv()
        os.execve(uv, [uv, *arguments], uv_environment())
    prepare([] if needs_tools(arguments) else [NO_DEV])


def needs_tools(arguments: list[str]) -> bool:
    """Whether tests and checks run from this .venv: now, or ever since it was made."""
    has_them = STAMP.exists() and NO_DEV not in STAMP.read_text()
    return NO_DEV not in arguments or has_them


def prepare(extent: list[str]) -> None:
    wanted = " ".join([fingerprint(), *extent])
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    say("preparing .venv (only needed when the locked packages change)")
    STAMP.unlink(missing_ok=True)  # an interrupted sync must not look finished
    run(
        [find_uv(), "sync", "--quiet", "--frozen", "--compile-bytecode", *extent],
        uv_environment(),
        "installing the locked packages",
    )
    STAMP.write_text(wanted)


def fingerprint() -> str:
    """Everything that .venv depends on: the packages, the interpreter and its own place."""
    facts = hashlib.sha256(f"{PYTHON} {sys.version} {ROOT}".encode())
    for name in ("uv.lock", "pyproject.toml"):
        facts.update((ROOT / name).read_bytes())
    return facts.hexdigest()


def find_uv() -> str:
    """A usable uv: the user's own, else the one that an earlier run or this one installs."""
    version = pinned_uv()
    pinned = TOOLS / f"uv-{version}"
    for candidate in (shutil.which("uv"), str(pinned / "bin" / "uv")):
        if candidate and is_recent(candidate):
            return candidate
    say(f"installing uv {version} into {pinned.relative_to(ROOT)}")
    install = ["install", "--quiet", "--upgrade", "--only-binary=:all:", "--require-hashes"]
    # These two guard the user's own Python; our target folder needs neither.
    environment = os.environ | {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    environment |= {"PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [*find_pip(), *install, f"--target={pinned}", f"--requirement={UV_BY_HASH}"]
    run(command, environment, f"installing uv {version}")
    return str(pinned / "bin" / "uv")


def pinned_uv() -> str:
    version = re.search(r"^uv==([\w.]+)", UV_BY_HASH.read_text(), re.MULTILINE)
    if version is None:
        fail(f"{UV_BY_HASH.relative_to(ROOT)} names no version of uv")
    return version[1]


def is_recent(uv: str) -> bool:
    try:
        answer = subprocess.run(
            [uv, "--version"], check=False, capture_output=True, text=True
        ).stdout
    except OSError:
        return False
    version = re.match(r"uv (\d+)\.(\d+)", answer)
    return version is not None and (int(version[1]), int(version[2])) >= UV_OLDEST


def find_pip() -> list[str]:
    """A pip to run: that of this Python, else the one in its library, else one from the index.

    Debian and its relatives ship python3 without ensurepip and without pip. A virtual environment
    for pip takes 5 s to make.
    """
    if sys.prefix == sys.base_prefix and importlib.util.find_spec("pip"):
        return [PYTHON, "-m", "pip"]
    library = importlib.util.find_spec("ensurepip")
    folder = Path(library.origin).parent if library and library.origin else TOOLS
    bundled = [*folder.glob("_bundled/pip-*.whl")]
    return [PYTHON, str((bundled[0] if bundled else fetch_pip()) / "pip")]


def fetch_pip() -> Path:
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    try:
        page = download(index).decode()
        link = re.search(rf'href="([^"#]*{re.escape(PIP_WHEEL)})', page)
        if link is None:
            fail(f"the package index {urllib.parse.urlsplit(index).hostname} has no {PIP_WHEEL}")
        wheel = download(urllib.parse.urljoin(index, link[1]))
    except (OSError, ValueError) as error:
        fail(f"cannot download pip ({error}); install your system's python3-venv package instead")
    if hashlib.sha256(wheel).hexdigest() != PIP_SHA256:
        fail(f"the {PIP_WHEEL} that the package index sent is not the one pinned here")
    TOOLS.mkdir(exist_ok=True)
    target = TOOLS / PIP_WHEEL
    target.write_bytes(wheel)
    return target


def download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        body: bytes = answer.read()
    return body


def uv_environment() -> dict[str, str]:
    """The user's environment, with this Python and this .venv whatever else is active."""
    environment = os.environ | {
        "UV_PYTHON": PYTHON,
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PROJECT_ENVIRONMENT": str(VENV),
    }
    environment.pop("VIRTUAL_ENV", None)
    return environment


def run(command: list[str], environment: dict[str, str], purpose: str) -> None:
    if subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode != 0:
        fail(f"{purpose} failed; the reason is above")


def say(line: str) -> None:
    print(f"bootstrap: {line}", file=sys.stderr, flush=True)


def fail(line: str) -> NoReturn:
    say(line)
    sys.exit(1)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
