"""Cuts long lists of keys: databases limit the parameters of one statement."""

from collections.abc import Iterator, Sequence

from csms_runtime.texts import is_storable

SIZE = 1_000


def chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the keys in pieces of at most 1,000, without those that cannot be stored, and so are not."""
    storable = [key for key in keys if is_storable(key)]
    for start in range(0, len(storable), SIZE):
        yield storable[start : start + SIZE]
