"""Mutation testing of the domain and the application: which small changes does no test notice?

.venv/bin/python tools/mutate.py [--report] [--processes N] [--json FILE] [--baseline FILE] [NAME]

A NAME such as "domain.session.*" restricts the run, and keeps the results of other mutants.
mutmut changes one thing in one function at a time and runs the tests that call the function.
[tool.mutmut] in pyproject.toml selects the files and the tests. The result is written to
docs/mutation-testing.md; the explanations of survivors there are kept.
"""

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from difflib import unified_diff
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MUTANTS = ROOT / "mutants"
REPORT = ROOT / "docs" / "mutation-testing.md"
OUTCOMES = ("mypy", "killed", "timeout", "survived", "no tests", "unclear", "not run")
ALIVE = ("survived", "no tests", "not run")
BY_EXIT_CODE: dict[int | None, str] = {
    37: "mypy",
    **dict.fromkeys((1, 2, 3), "killed"),
    **dict.fromkeys((-24, 24, 36, 152), "timeout"),
    0: "survived",
    **dict.fromkeys((5, 33), "no tests"),
    None: "not run",
}
HEAD = """\
# Mutation testing

`make mutate` changes one thing at a time in the functions of `src/domain` and `src/application`,
and runs the tests that call the changed function. If all of them pass, the mutant has survived:
a test is missing, or the change is equivalent. `tools/mutate.py` writes this file; the
explanations of survivors are written by hand and kept.

*mypy* are changes that the type checker refuses; they are not tested. A *timeout* counts as
killed. *no tests* are changes in functions that none of the selected tests calls; `[tool.mutmut]`
in `pyproject.toml` selects the unit tests of domain and application. Constants, class bodies and
functions with decorators other than `classmethod` and `staticmethod`, such as properties, are not
changed.

mutmut {version}, commit {commit}, {minutes} minutes.
"""
UNEXPLAINED = "not explained yet"
ENTRY = re.compile(
    r"^\*\*`(.+?)`, line \d+\*\*: (.+?)\n\n```diff\n(.+?)\n```", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed function and the result of its tests."""

    module: str
    function: str
    line: int
    operator: str
    diff: str
    outcome: str


def main() -> None:
    """Run mutmut and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--report", action="store_true", help="only report on the last run")
    parser.add_argument("--processes", type=int, default=1, help="test so many at a time")
    parser.add_argument("--json", type=Path, help="write all mutants to this file as well")
    parser.add_argument(
        "--baseline", type=Path, help="list survivors that are killed or absent in this file"
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="test only these mutants")
    options = parser.parse_args()
    if not options.report:
        run(options.processes, options.names)
    mutants = [each for meta in sorted(MUTANTS.rglob("*.py.meta")) for each in mutants_of(meta)]
    REPORT.write_text(report(mutants))
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in mutants], indent=1) + "\n")
    if options.baseline:
        before = {
            key(**each): each["outcome"] for each in json.loads(options.baseline.read_text())
        }
        for each in mutants:
            if each.outcome == "survived" and before.get(key(**asdict(each))) not in ALIVE:
                print(f"{each.module}:{each.line} {each.function}\n{each.diff}")


def run(processes: int, names: list[str]) -> None:
    """Test all mutants again, or those with these names and keep the results of the others."""
    if not names:
        shutil.rmtree(MUTANTS, ignore_errors=True)
    start = time.monotonic()
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    command = [mutmut, "run", "--max-children", str(processes), *names]
    # Without bytecode files every worker would compile the tests again.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PATH"] = f"{Path(mutmut).parent}{os.pathsep}{environment['PATH']}"
    subprocess.run(command, check=True, cwd=ROOT, env=environment)
    (MUTANTS / "seconds").write_text(str(time.monotonic() - start))


def mutants_of(meta: Path) -> list[Mutant]:
    """Read mutmut's results of one file."""
    path = meta.relative_to(MUTANTS).with_suffix("")
    module = ".".join(path.with_suffix("").parts).removeprefix("src.").removesuffix(".__init__")
    original, mutated = (ROOT / path).read_text(), (MUTANTS / path).read_text()
    texts = {
        node.name: ast.get_source_segment(mutated, node) or ""
        for node in ast.walk(ast.parse(mutated))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "__mutmut_" in node.name
    }
    found = []
    for name_of_mutant, exit_code in json.loads(meta.read_text())["exit_code_by_key"].items():
        generated = name_of_mutant.rpartition(".")[2]
        mangled = generated.partition("__mutmut_")[0]
        *owner, name = re.sub("^xǁ|^x_", "", mangled).split("ǁ")
        before = texts[f"{mangled}__mutmut_orig"].replace(f"{mangled}__mutmut_orig", name, 1)
        after = texts[generated].replace(generated, name, 1)
        place = original.index(before, original.index(f"class {owner[0]}") if owner else 0)
        pairs = zip(before.splitlines(), after.splitlines(), strict=False)
        unchanged = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        line = original.count("\n", 0, place) + 1 + unchanged
        diff = changed_lines(before, after)
        outcome = BY_EXIT_CODE.get(exit_code, "unclear")
        function = ".".join((*owner, name))
        found.append(Mutant(module, function, line, changed_words(diff), diff, outcome))
    return found


def changed_lines(before: str, after: str) -> str:
    """The lines of a diff without its headers."""
    lines = unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return "\n".join([line for line in lines if not line.startswith("@@")][2:])


def changed_words(diff: str) -> str:
    """Return the replacement in a diff, such as ``< -> <=``."""
    old, new = (
        re.findall(r"\w+|[^\w\s]+|\s+", "\n".join(re.findall(f"(?m)^[{sign}](.*)$", diff)))
        for sign in "-+"
    )
    for end in (0, -1):
        while old and new and old[end] == new[end]:
            del old[end], new[end]
    return f"{''.join(old).strip()} -> {''.join(new).strip()}"


def key(function: str, diff: str, **_: object) -> str:
    """Identify a mutant, even if its module was renamed or its lines moved."""
    return " ".join([function, *diff.split()])


def report(mutants: list[Mutant]) -> str:
    """The result in Markdown, with the explanations that the last report has."""
    last = REPORT.read_text() if REPORT.exists() else ""
    explained = {key(function, diff): why for function, why, diff in ENTRY.findall(last)}
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    seconds = MUTANTS / "seconds"
    minutes = round(float(seconds.read_text()) / 60) if seconds.exists() else "unknown"
    head = HEAD.format(version=version("mutmut"), commit=commit.strip(), minutes=minutes)
    lines = [
        head,
        f"| Module | {' | '.join(OUTCOMES)} | total |",
        "| --- |" + " ---: |" * (len(OUTCOMES) + 1),
    ]
    modules = sorted({each.module for each in mutants})
    for name in (*modules, ""):
        count = Counter(each.outcome for each in mutants if name in {each.module, ""})
        numbers = " | ".join(str(count[outcome]) for outcome in OUTCOMES)
        lines.append(f"| {name or 'all'} | {numbers} | {count.total()} |")
    for name in modules:
        survivors = [each for each in mutants if (each.module, each.outcome) == (name, "survived")]
        lines += [f"\n## {name}"] if survivors else []
        for each in survivors:
            why = explained.get(key(each.function, each.diff), UNEXPLAINED)
            lines.append(f"\n**`{each.function}`, line {each.line}**: {why}")
            lines.append(f"\n```diff\n{each.diff}\n```")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
