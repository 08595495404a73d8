"""What differs between OCPP versions stands in one object per version: no other module looks which version it is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from csms_ocpp.versions import Protocol

ROOT = Path(__file__).parents[2]
SOURCES = [
    "libs/ocpp/src",
    "libs/bus/src",
    "libs/db/src",
    "libs/runtime/src",
    "services/gateway/src",
    "services/auth/src",
    "services/transactions/src",
    "services/device-mgmt/src",
    "services/history/src",
    "services/standalone/src",
    "libs/testing/src/csms_testing/simulator",
]


_VERSION = re.compile(r"\bversions\.v[0-9]+\b")
"""A module or package of one version, in a dotted name."""


def is_adapter(file: Path) -> bool:
    """Whether it belongs to a package `versions`, or is a module of that name."""
    return "versions" in file.with_suffix("").parts


def names(tree: ast.AST) -> Iterator[int]:
    """The lines that name a member of Protocol, decide by the text of one, or import the object of one version."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(names=imported) if any(
                _VERSION.search(f"{node.module}.{one.name}") for one in imported
            ):
                yield node.lineno
            case ast.Import(names=imported) if any(_VERSION.search(one.name) for one in imported):
                yield node.lineno
            case ast.Attribute(value=ast.Name(id="Protocol"), attr=attribute) if attribute in Protocol.__members__:
                yield node.lineno
            case ast.Compare() | ast.MatchValue() | ast.Dict():
                parts = node.keys if isinstance(node, ast.Dict) else list(ast.walk(node))
                if any(isinstance(part, ast.Constant) and part.value in set(Protocol) for part in parts):
                    yield node.lineno


@pytest.mark.parametrize("source", SOURCES)
def test_no_other_module_looks_which_version_it_is(source: str) -> None:
    files = [file for file in (ROOT / source).rglob("*.py") if not is_adapter(file.relative_to(ROOT))]
    assert files
    found = [f"{file.relative_to(ROOT)}:{line}" for file in files for line in names(ast.parse(file.read_text()))]
    assert not found


@pytest.mark.parametrize(
    "code",
    [
        "protocol is Protocol.OCPP16",
        "{Protocol.OCPP16: 1}",
        "protocol == 'ocpp1.6'",
        "protocol in ('ocpp2.0.1', 'ocpp2.1')",
        "{'ocpp2.1': 1}",
        "from csms_transactions.versions.v201 import V201",
        "from csms_transactions.versions import v16",
        "import csms_ocpp.versions.v21",
        "match protocol:\n    case 'ocpp2.1': pass",
    ],
)
def test_what_is_found(code: str) -> None:
    assert list(names(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["Protocol(text)", "VERSIONS[protocol]", "record(protocol='ocpp2.0.1')", "from csms.v1 import station_pb2"]
)
def test_what_is_not_found(code: str) -> None:
    assert not list(names(ast.parse(code)))
