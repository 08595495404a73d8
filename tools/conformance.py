"""Writes docs/conformance.md from the catalogue of test cases and what `make conformance` found in both modes.

`tools/conformance.py RESULTS...` prints the page; `--check FILE` says whether the page lists the tests that exist.
"""

import ast
import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "conformance"
MODES = ("standalone", "distributed")
MODES_201 = (*MODES, "standalone ocpp2.1", "distributed ocpp2.1")
"""Cases of OCPP 2.0.1 are played by stations of 2.1, too."""
CASE = re.compile(r"test_(tc_(?:[a-z]_)?\d+(?:_\d+)?_csms)")
NOT_YET = "not yet"

INTRODUCTION = """# Conformance

Test cases of OCPP 2.0.1, 1.6J and 2.1 for a CSMS, by the ids that their test documents give them, and what our own test
of each came to. The steps of the 2.1 cases are not public: ours are derived from the messages and their requirements.
Each case is played over a real socket against the running system in both modes; the tests are in
`tests/conformance`. Made by `make conformance`; this is not a certificate.

`M` in the column Feature means that every CSMS that claims the profile must pass, anything else names the feature
that must be declared.
Cases of OCPP 2.0.1 are played a second time by stations that speak 2.1 (`ocpp2.1` in the heading).
"""

SECTIONS = {
    "OCPP 2.0.1, Core": ("C",),
    "OCPP 2.0.1, Part 6 only, not in the certification matrix": ("Part 6 only",),
    "OCPP 1.6J": (
        "1.6 Core",
        "1.6 LocalAuthList",
        "1.6 Firmware",
        "1.6 Reservation",
        "1.6 RemoteTrigger",
        "1.6 SmartCharging",
        "1.6 Security",
    ),
    "OCPP 2.1, new cases (derived)": ("2.1 Core", "2.1 SC", "2.1 ISO", "2.1 BPT", "2.1 DER"),
    "OCPP 2.0.1, other profiles": (),
}
"""Headings and the first profile of the rows under them; the last one has the rest."""


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the catalogue."""

    id: str
    profile: str
    feature: str
    name: str
    reason: str
    """Why there is no test; may be empty."""


def catalogue() -> list[Case]:
    """Return all cases in order of id."""
    with (TESTS / "cases.tsv").open(newline="") as file:
        return [Case(**row) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def existing_tests() -> set[str]:
    """Return the ids of the cases that have a test."""
    found = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (case := CASE.match(node.name)):
                found.add(case[1].upper())
    return found


def results(paths: Iterable[Path]) -> dict[tuple[str, str], str]:
    """Return the outcome by case and mode; later files win."""
    return {(row["id"], row["mode"]): row["outcome"] for path in paths for row in json.loads(path.read_text())}


def page(cases: list[Case], tests: set[str], outcomes: Mapping[tuple[str, str], str]) -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    left = list(cases)
    for heading, profiles in SECTIONS.items():
        rows = [case for case in left if not profiles or case.profile.split(",")[0] in profiles]
        left = [case for case in left if case not in rows]
        modes = MODES_201 if "2.0.1" in heading else MODES
        shown = {case.id: [_result(case, mode, tests, outcomes) for mode in modes] for case in rows}
        parts.append(_section(heading, rows, modes, shown, tests))
    return "\n".join(parts)


def _section(
    heading: str, cases: list[Case], modes: Sequence[str], shown: Mapping[str, Sequence[str]], tests: set[str]
) -> str:
    counts = [Counter(shown[case.id][place] for case in cases) for place in range(len(modes))]
    summary = "; ".join(f"{mode}: {_count(counter)}" for mode, counter in zip(modes, counts, strict=True))
    lines = [f"## {heading}", "", f"{len(cases)} cases. {summary}.", ""]
    head = ["Id", "Name", "Profile", "Feature", *(mode.capitalize() for mode in modes), "Why not"]
    lines += [_line(head), "|" + "---|" * len(head)]
    for case in cases:
        reason = "" if case.id in tests else case.reason or "no test written yet"
        lines.append(_line([case.id, case.name, case.profile, case.feature or "M", *shown[case.id], reason]))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _count(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {result}" for result, number in sorted(counter.items(), key=lambda item: -item[1]))


def _result(case: Case, mode: str, tests: set[str], outcomes: Mapping[tuple[str, str], str]) -> str:
    if case.id not in tests:
        return NOT_YET
    return outcomes.get((case.id, mode), "not run")


def problems(text: str, cases: list[Case], tests: set[str]) -> list[str]:
    """Return in what the page does not agree with catalogue and tests."""
    lines = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.startswith("| TC_")]
    rows = {cells[1]: set(cells[5:-2]) for cells in lines}
    known = {case.id for case in cases}
    found = [f"{case}: has a test but is not in cases.tsv" for case in sorted(tests - known)]
    found += [f"{case}: no row" for case in sorted(known - rows.keys())]
    found += [f"{case}: a row for no case" for case in sorted(rows.keys() - known)]
    for case, shown in rows.items():
        if case in tests and shown & {NOT_YET, "not run", "skipped", "failed"}:
            found.append(f"{case}: has a test, the page says {', '.join(sorted(shown))}")
        if case not in tests and shown != {NOT_YET}:
            found.append(f"{case}: has no test, the page says {', '.join(sorted(shown))}")
    return found


def main(arguments: list[str]) -> int:
    """Print the page, or compare the file after --check."""
    if arguments[:1] == ["--check"]:
        found = problems(Path(arguments[1]).read_text(), catalogue(), existing_tests())
        for problem in found:
            print(f"{arguments[1]}: {problem}", file=sys.stderr)
        return 1 if found else 0
    if not arguments:
        print(f"usage: {Path(sys.argv[0]).name} RESULTS... | --check FILE", file=sys.stderr)
        return 2
    print(page(catalogue(), existing_tests(), results(map(Path, arguments))), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
