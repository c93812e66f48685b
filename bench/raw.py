"""The raw rates that nothing can beat, measured in a process of their own."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from argon2 import PasswordHasher
from jwt.algorithms import RSAAlgorithm

from bench.cpu import Cost
from domain.token import TokenKind
from doorward.wiring.signing_keys.key_stores import keys_in_environment
from infrastructure.config.passwords import PasswordSettings
from infrastructure.config.settings import Settings
from infrastructure.passwords.argon2_hasher import Cost as HashCost
from tests.support.builders import PASSWORD

_MESSAGE = bytes(600)  # as long as what is signed of a token


def signatures(keys: Mapping[str, str], seconds: float) -> Cost:
    """RS256, with both keys in turn."""
    rs256 = RSAAlgorithm(RSAAlgorithm.SHA256)
    private = [key.private for key in keys_in_environment(Settings.read(keys).keys).values()]
    assert len(private) == len(TokenKind)
    count, start, cpu_start = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() < start + seconds:
        for key in private:
            rs256.sign(_MESSAGE, key)
            count += 1
    return Cost(count, time.perf_counter() - start, time.process_time() - cpu_start)


def hashes(count: int) -> Cost:
    """Argon2 with the service's default parameters, on as many threads as it has by default."""
    settings = PasswordSettings()
    cost = HashCost(settings.argon2_passes, settings.argon2_memory)
    hasher = PasswordHasher(cost.time_cost, cost.memory_kib, cost.parallelism)
    verify = partial(hasher.verify, hasher.hash(PASSWORD), PASSWORD)
    with ThreadPoolExecutor(settings.hash_threads) as threads:
        start, cpu_start = time.perf_counter(), time.process_time()
        for done in [threads.submit(verify) for _ in range(count)]:
            done.result()
        return Cost(count, time.perf_counter() - start, time.process_time() - cpu_start)
