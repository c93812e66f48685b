"""Whether the time of a failed login tells why it failed.

Logins with an unknown address, with a wrong password and to a disabled account are sent to the
running service in turns, so that whatever else the machine does meets all three alike. Their times
are compared by the test of Mann and Whitney: p is how likely such a difference would be if there
were none.

    .venv/bin/python -m bench.login_timing [ROUNDS]
"""

import json
import sys
import tempfile
import time
from asyncio import run
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import NormalDist, median, quantiles

import httpx

from domain.user import Email
from infrastructure.adapters import open_stores
from infrastructure.limits import Limits
from tests.builders import PASSWORD
from tests.processes import Service, a_service

RESULTS = Path(__file__).with_name("results.json")
LEAST_P = 0.001
CASES = {
    "wrong password": ("ada@example.org", "not the password"),
    "unknown address": ("nobody@example.org", "not the password"),
    "disabled account": ("eve@example.org", PASSWORD),
}


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        limits = dict.fromkeys(("LOGIN_LIMIT_ACCOUNT", "LOGIN_LIMIT_ADDRESS"), "off")
        with a_service(Path(folder), **limits) as service, httpx.Client() as client:
            for name in ("ada", "eve"):
                person = {"name": name, "email": f"{name}@example.org", "password": PASSWORD}
                client.post(f"{service.url}/api/auth/register", json=person).raise_for_status()
            run(disable(service, "eve@example.org"))
            times = measure(client, service, rounds)
    rows = [row(case, times[case], times["wrong password"]) for case in CASES]
    RESULTS.write_text(json.dumps({"rows": rows}, indent=2) + "\n")
    print_table(rows)
    sys.exit(not all(each["met"] for each in rows))


async def disable(service: Service, address: str) -> None:
    url = f"sqlite:///{service.folder}/var/doorward.db"
    async with open_stores(url, url, Limits()) as stores:
        user = await stores.users.by_email(Email.parse(address))
        assert user is not None
        assert await stores.users.replace(user, replace(user, disabled=True))


def measure(client: httpx.Client, service: Service, rounds: int) -> dict[str, list[float]]:
    """The milliseconds of each login, by case."""
    times: dict[str, list[float]] = {case: [] for case in CASES}
    for turn, (case, (email, password)) in product(range(rounds + 3), CASES.items()):
        start = time.perf_counter()
        answer = client.post(
            f"{service.url}/api/auth/login", json={"email": email, "password": password}
        )
        took = (time.perf_counter() - start) * 1000
        assert answer.json()["code"] == "invalid_credentials"
        if turn >= 3:  # the first ones warm up
            times[case].append(took)
    return times


def row(case: str, times: list[float], reference: list[float]) -> dict[str, object]:
    """One line of the results. The ratio is of the medians."""
    p = mann_whitney(times, reference)
    low, _, high = quantiles(times, n=4)
    return {
        "name": f"failed login: {case}",
        "value": round(median(times), 2),
        "unit": "ms",
        "reference": "failed login: wrong password",
        "ratio": round(median(times) / median(reference), 3),
        "target": f"p >= {LEAST_P}",
        "met": p >= LEAST_P,
        "spread": f"{low:.2f} to {high:.2f}, p = {p:.3f}",
    }


def mann_whitney(one: list[float], other: list[float]) -> float:
    """The two-sided p of the U test, by its normal approximation: times have no ties."""
    ranked = sorted([(time, True) for time in one] + [(time, False) for time in other])
    ranks = sum(rank for rank, (_, is_one) in enumerate(ranked, 1) if is_one)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    spread = (n * m * (n + m + 1) / 12) ** 0.5
    return 2 * (1 - NormalDist().cdf(abs(u - n * m / 2) / spread))


def print_table(rows: list[dict[str, object]]) -> None:
    for each in rows:
        print(
            f"{each['name']:<32} {each['value']:>8} {each['unit']}  x {each['ratio']}  "
            f"({each['spread']})  {'met' if each['met'] else 'MISSED'}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 150)
