"""Migrations since the last release leave the code before them working: expand first, contract in a later release."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RELEASED = {"auth": "0015", "transactions": "0017", "device-mgmt": "0025", "history": "0000"}
"""The newest migration of each service that the last release had; 0000: it had no such one. Replaced at a release, as
proto/released.binpb is."""
_REMOVING = {"drop_column", "drop_table", "rename_table"}
_REMOVING_SQL = re.compile(r"\b(DROP\s+(TABLE|COLUMN)|RENAME\s+(TO|COLUMN))\b", re.IGNORECASE)


def scripts() -> list[Path]:
    found = [(service, path) for service in RELEASED for path in _directory(service).glob("[0-9]*.py")]
    return sorted(path for service, path in found if path.name[:4] > RELEASED[service])


def _directory(service: str) -> Path:
    return ROOT / "services" / service / "src" / f"csms_{service.replace('-', '_')}" / "migrations" / "versions"


def breaking(source: str) -> list[str]:
    """What in a script the code before it may trip over, unless it says in `contracts` why nothing does."""
    module = ast.parse(source)
    names = {
        getattr(target, "id", "") for node in module.body if isinstance(node, ast.Assign) for target in node.targets
    }
    if "contracts" in names:
        return []
    upgrades = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name != "downgrade"]
    return [found for function in upgrades for node in ast.walk(function) for found in _breaking(node)]


def _breaking(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _REMOVING_SQL.search(node.value):
        yield node.value
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    if node.func.attr in _REMOVING:
        yield node.func.attr
    if node.func.attr == "alter_column" and ("new_column_name" in given or _is(given.get("nullable"), value=False)):
        yield "alter_column"
    if node.func.attr == "add_column" and any(map(_demands, ast.walk(node))):
        yield "add_column of a value that the code before does not give"


def _demands(node: ast.AST) -> bool:
    given = {keyword.arg: keyword.value for keyword in node.keywords} if isinstance(node, ast.Call) else {}
    return _is(given.get("nullable"), value=False) and "server_default" not in given


def _is(node: ast.AST | None, *, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_the_code_before_works_on_every_new_schema() -> None:
    found = {path.name: broken for path in scripts() if (broken := breaking(path.read_text()))}
    assert found == {}, "see CONTRIBUTING.md, Migrations"


@pytest.mark.parametrize(
    "step",
    [
        'op.drop_column("a", "b")',
        'op.drop_table("a")',
        'op.rename_table("a", "b")',
        'op.execute("ALTER TABLE a RENAME TO b")',
        'op.execute("alter table a drop column b")',
        'batch.alter_column("a", nullable=False)',
        'batch.alter_column("a", new_column_name="b")',
        'batch.add_column(sa.Column("a", sa.Integer, nullable=False))',
    ],
)
def test_what_breaks_older_code_is_found(step: str) -> None:
    assert breaking(f"def upgrade():\n    {step}\n")
    assert not breaking(f'contracts = "nothing reads it since 1.0"\n\n\ndef upgrade():\n    {step}\n')
    assert not breaking(f"def upgrade():\n    pass\n\n\ndef downgrade():\n    {step}\n")


@pytest.mark.parametrize(
    "step",
    [
        'op.create_table("a", sa.Column("id", sa.Integer, nullable=False))',
        'batch.add_column(sa.Column("a", sa.Integer))',
        'batch.add_column(sa.Column("a", sa.Integer, nullable=False, server_default="0"))',
        'indexes.create("ix_a", "a", ["b"])',
        'op.drop_index("ix_a")',
    ],
)
def test_what_only_adds_is_no_break(step: str) -> None:
    assert not breaking(f"def upgrade():\n    {step}\n")
