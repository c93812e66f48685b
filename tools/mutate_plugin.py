"""A pytest plugin for ``tools/mutate.py``: it makes the many short runs of mutmut fast."""

import gc
import json
import os
import resource
from functools import cache
from itertools import cycle
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

LOOP = 20  # seconds of computing beyond what the tests need: the mutant loops without end

_SMALLEST = {"public_exponent": 65537, "key_size": 2048}
_generate = rsa.generate_private_key
_keys = cycle([_generate(**_SMALLEST) for _ in range(32)])


def _next_key(public_exponent: int, key_size: int, backend: Any = None) -> rsa.RSAPrivateKey:
    """Take a key of the size that tests use from those that were made once."""
    if (public_exponent, key_size) == (65537, 2048):
        return next(_keys)
    return _generate(public_exponent, key_size, backend)


rsa.generate_private_key = _next_key


@cache
def _seconds() -> dict[str, float]:
    """Read how long each test took when mutmut ran all of them."""
    statistics = Path("mutmut-stats.json")
    if not statistics.exists():
        return {}
    durations: dict[str, float] = json.loads(statistics.read_text())["duration_by_test"]
    return durations


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the fastest tests first, and limit the computing time of a mutant."""
    if "__mutmut_" in os.environ.get("MUTANT_UNDER_TEST", ""):
        # mutmut's own limit is of the time that passes, and so depends on what else is running.
        most = (
            int(process_time() + 3 * sum(_seconds().get(item.nodeid, 0) for item in items)) + LOOP
        )
        resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))
    items.sort(key=lambda item: _seconds().get(item.nodeid, 0))
    # pytest keeps generated ids and would escape them again when a worker collects once more.
    for mark in (mark for item in items for mark in item.iter_markers("parametrize")):
        if mark._param_ids_from:  # noqa: SLF001
            object.__setattr__(mark._param_ids_from, "_param_ids_generated", None)  # noqa: SLF001


def pytest_unconfigure() -> None:
    """Exclude the objects from before the fork from the workers' garbage collection."""
    gc.freeze()
