"""Writes the chart's README from its values.yaml; `--check FILE` says whether the file is up to date.

values.yaml keeps to a form that needs no YAML parser: maps that have a default stand in blocks, lists and maps without
one in braces, and the comment above a value describes it. A value without one is described by its name's first.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VALUES = Path(__file__).resolve().parents[1] / "deploy" / "helm" / "csms" / "values.yaml"
INTRODUCTION = """# Chart csms

<!-- Made by `make docs` from values.yaml; do not edit. -->

The CSMS on Kubernetes: a StatefulSet of gateways, which hold the stations' sockets, StatefulSets of transactions and
device-mgmt, Deployments of auth and history, jobs for topics and migrations, network policies, disruption budgets,
autoscaling.
Kafka and PostgreSQL are yours; for a trial the chart brings small ones. Installing, upgrading and sizing, step by step:
[docs/kubernetes.md](../../../docs/kubernetes.md).

    helm install csms deploy/helm/csms --values deploy/helm/csms/values-trial.yaml       # a trial
    helm install csms deploy/helm/csms --values my-values.yaml                           # else

`values.schema.json` refuses values that do not exist.
"""
_LINE = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]+):(?: (?P<value>.*))?$")


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the chart, or a group of them."""

    path: str
    default: str | None
    """As it stands in values.yaml; None: it is a group."""
    about: str


def values(text: str) -> Iterator[Value]:
    """Read values.yaml. Raises ValueError for a line that is not in the form."""
    path: list[str] = []
    comment: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped.lstrip("# "))
            continue
        if not stripped:
            comment.clear()
            continue
        found = _LINE.match(line)
        if found is None:
            raise ValueError(f"values.yaml:{number}: not `key: value` or `key:`")
        path = [*path[: len(found["indent"]) // 2], found["key"]]
        yield Value(".".join(path), found["value"] or None, " ".join(comment))
        comment.clear()


def page(text: str) -> str:
    """Return the README."""
    rows, described = ["| value | default | what |", "|---|---|---|"], dict[str, str]()
    for value in values(text):
        name = value.path.rpartition(".")[2]
        about = value.about or described.get(name, "")
        if value.default is not None:
            described.setdefault(name, about)
        elif not value.about:
            continue  # a group that only holds others
        default = "" if value.default is None else f"`{value.default}`"
        rows.append(f"| `{value.path}` | {default} | {about} |".replace("  ", " "))
    return INTRODUCTION + "\n## Values\n\n" + "\n".join(rows) + "\n"


def main(arguments: list[str]) -> int:
    """Print the README, or compare it with the file after --check."""
    made = page(VALUES.read_text())
    if arguments[:1] == ["--check"]:
        if Path(arguments[1]).read_text() != made:
            print(f"{arguments[1]} is out of date: run 'make docs'", file=sys.stderr)
            return 1
        return 0
    if arguments:
        print(f"usage: {Path(sys.argv[0]).name} [--check FILE]", file=sys.stderr)
        return 2
    print(made, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
