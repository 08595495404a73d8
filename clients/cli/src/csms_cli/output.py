"""What commands write: tables for people, JSON for programs. Texts of stations do nothing to the terminal."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from csms_runtime.texts import escaped_json, for_terminal
from rich.console import Console
from rich.table import Table
from rich.text import Text

Item = Mapping[str, Any]
Column = tuple[str, Callable[[Item], Any]]
_PIPED = 200
"""Characters of a line where nobody looks at it."""


def field(*names: str) -> Callable[[Item], Any]:
    """Return what gives a field of an item, or one of a field of it."""

    def value(item: Item) -> Any:  # noqa: ANN401 a JSON value
        found: Any = item
        for name in names:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    return value


def columns(*names: str) -> Sequence[Column]:
    """Return columns of fields; `a.b` is the field b of the field a."""
    return [(name.rpartition(".")[2].replace("_", " "), field(*name.split("."))) for name in names]


class Output:
    """Where a command writes."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._console = Console(width=None if sys.stdout.isatty() else _PIPED, highlight=False)

    def list(self, items: Iterable[Item], shown: Sequence[Column]) -> None:
        """Write items: a table, or a JSON object a line."""
        if self.as_json:
            for item in items:
                self.json(item)
            return
        table = Table(box=None, header_style="bold", pad_edge=False)
        for title, _ in shown:
            table.add_column(title, overflow="fold")
        for item in items:
            table.add_row(*(Text(_text(value(item))) for _, value in shown))
        self._console.print(table if table.row_count else "(none)")

    def one(self, item: Item) -> None:
        """Write all of one item: a line for each field, or JSON."""
        if self.as_json:
            self.json(item)
            return
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        for name, value in item.items():
            if value not in (None, [], {}):
                table.add_row(name, Text(_text(value)))
        self._console.print(table)

    def json(self, value: object) -> None:
        """Write a line of JSON."""
        sys.stdout.write(escaped_json(json.dumps(value, ensure_ascii=False)) + "\n")
        sys.stdout.flush()

    def line(self, *texts: str) -> None:
        """Write a line of texts."""
        sys.stdout.write("  ".join(map(for_terminal, texts)) + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Tell people something, who look at a terminal; programs do not see it."""
        sys.stderr.write(for_terminal(text) + "\n")


def _text(value: Any) -> str:  # noqa: ANN401 a JSON value
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return for_terminal(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
