"""Measures the service, and compares it with what it could be at best.

    make bench                         all of it, in about ten minutes
    make bench-full                    longer, on more
    .venv/bin/python -m bench refresh  one group alone, which is only printed

Each comparison is a ratio of what was measured in turns in the same run, on the same machine. The
results are in ``bench/results.json``, ``results.md`` and ``latency.svg``. A missed target is named
and is no failure; whatever the service answers but success is one.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Sequence

from bench import (
    cost,
    growth,
    hot_path,
    lists,
    login,
    login_timing,
    mail,
    memory,
    overview,
    pages,
    passkey_login,
    refresh,
    reset_timing,
    revocation,
    second_factor,
    social_login,
    storm,
)
from bench.report import Report, machine
from bench.testbed import BOUNDED, FULL, Scale, Testbed, open_testbed
from bench.wrk import MISSING

GROUPS: dict[str, Callable[[Testbed, Scale, Report], None]] = {
    "cost": cost.measure,
    "hot_path": hot_path.measure,
    "refresh": refresh.measure,
    "login": login.measure,
    "second_factor": second_factor.measure,
    "passkey_login": passkey_login.measure,
    "social_login": social_login.measure,
    "storm": storm.measure,
    "revocation": revocation.measure,
    "growth": growth.measure,
    "lists": lists.measure,
    "overview": overview.measure,
    "pages": pages.measure,
    "memory": memory.measure,
    "login_timing": login_timing.measure,
    "reset_timing": reset_timing.measure,
    "mail": mail.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument(
        "groups", nargs="*", help=f"some of: {', '.join(GROUPS)}; all unless given"
    )
    parser.add_argument("--full", action="store_true", help="longer, and on more")
    arguments = parser.parse_args()
    if unknown := set(arguments.groups) - set(GROUPS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if not shutil.which("wrk"):
        sys.exit(f"bench: {MISSING}")
    report = measure(arguments.groups or list(GROUPS), FULL if arguments.full else BOUNDED)
    if not arguments.groups:
        report.write()
    print(f"\n{report.table()}")
    for each in report.missed():
        print(f"missed: {each.name}: {each.target}")


def measure(groups: Sequence[str], scale: Scale) -> Report:
    report = Report()
    with open_testbed() as testbed:
        report.machine = machine(testbed)
        for name in groups:
            start = time.monotonic()
            print(f"{name} ...", flush=True)
            GROUPS[name](testbed, scale, report)
            print(f"  took {time.monotonic() - start:.0f} s", flush=True)
    return report


if __name__ == "__main__":
    main()
