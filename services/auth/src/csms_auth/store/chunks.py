"""Cuts long lists of keys: databases limit the parameters of one statement."""

from collections.abc import Iterator, Sequence

SIZE = 1_000


def chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the keys in pieces of at most 1,000, without those that hold a NUL: none such is stored."""
    # PostgreSQL refuses a text with a NUL, and stations may send one.
    storable = [key for key in keys if "\0" not in key]
    for start in range(0, len(storable), SIZE):
        yield storable[start : start + SIZE]
