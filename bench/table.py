"""Figures as a table, for the terminal and for docs/performance.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rich.table

Found = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A title, columns, rows of text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def as_rich(self) -> rich.table.Table:
        """For the terminal."""
        table = rich.table.Table(*self.columns, title=self.title, title_justify="left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def as_markdown(self) -> str:
        """For a page; without the title."""
        lines = ["| " + " | ".join(self.columns) + " |", "|" + "---|" * len(self.columns)]
        return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in self.rows)])
