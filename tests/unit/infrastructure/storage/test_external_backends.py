"""A package that is installed beside Doorward registers a storage backend by an entry point."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.storage.backends import backend_for
from infrastructure.storage.memory.backend import BACKEND as MEMORY
from infrastructure.storage.redis.backend import BACKEND as REDIS


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose distributions count as installed."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def install(site: Path, package: str, code: str, *schemes: str) -> None:
    """Lay out a package and its metadata as an installer does."""
    (site / f"{package}.py").write_text(code)
    metadata = site / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    points = "".join(f"{scheme} = {package}:BACKEND\n" for scheme in schemes)
    (metadata / "entry_points.txt").write_text(f"[doorward.backends]\n{points}")


MEMORY_AGAIN = "from infrastructure.storage.memory.backend import BACKEND\n"


def test_the_scheme_of_an_installed_package_selects_its_backend(site: Path) -> None:
    install(site, "a_backend_package", MEMORY_AGAIN, "fancy")

    assert backend_for("fancy://host/db", "users") is MEMORY
    assert backend_for("fancy+tls://host/db", "sessions") is MEMORY


def test_a_package_is_not_imported_before_a_url_names_it(site: Path) -> None:
    install(site, "an_unused_package", "raise RuntimeError('imported')\n", "unused")

    backend_for("memory:", "users")

    assert "an_unused_package" not in sys.modules


def test_no_package_replaces_a_built_in_backend(site: Path) -> None:
    install(site, "an_impostor_package", MEMORY_AGAIN, "redis")

    assert backend_for("redis://cache", "sessions") is REDIS


def test_the_schemes_of_packages_are_among_the_known_ones(site: Path) -> None:
    install(site, "a_listed_package", MEMORY_AGAIN, "listed")

    with pytest.raises(ValueError, match=r"memory, .*, listed$"):
        backend_for("unknown://host", "users")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_library\n", "cannot be loaded .ModuleNotFoundError"),
        ("", "cannot be loaded .AttributeError"),
        ("BACKEND = 'a word'\n", "registers no Backend"),
    ],
    ids=["import fails", "nothing there", "no backend"],
)
def test_a_package_that_cannot_be_used_is_one_clear_error(
    site: Path, code: str, reason: str
) -> None:
    install(site, "a_broken_package", code, "broken")

    with pytest.raises(ValueError, match=f"has the scheme broken, whose package {reason}"):
        backend_for("broken://host", "sessions")


def test_a_scheme_of_two_packages_is_refused(site: Path) -> None:
    install(site, "one_package", MEMORY_AGAIN, "twice")
    install(site, "other_package", MEMORY_AGAIN, "twice")

    with pytest.raises(ValueError, match="several installed packages register"):
        backend_for("twice://host", "users")
