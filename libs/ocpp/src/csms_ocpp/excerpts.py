"""Cuts a small piece out of a large invalid payload that is invalid too.

The validator makes all errors at once, each with a copy of the value that is wrong: 400,000 wrong items would take a
minute and a gigabyte, and one missing field beside them a copy of all. To know whether a payload is valid is quick. So
the validator is asked for errors of small payloads only.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

_SMALL = 400
"""A payload with so many values or fewer is taken whole."""
_ITEMS = (8, 4, 2)
"""Items that a list keeps, by the number of lists around it. Deeper lists keep 1."""
_UNKNOWN_NAMES = 8
_LONGEST_NAME = 100
_WHOLE_LISTS = 2000
"""More items than any list of OCPP may have (1024)."""
_TAIL = 10
"""Characters that may follow the decimals of a date-time."""

_Path = tuple[str | int, ...]
_IsValid = Callable[[object], bool]


class Excerpt(NamedTuple):
    """A part of a payload that is invalid as the whole is, unless only a very long URL is wrong."""

    value: object
    left_out: dict[_Path, int]
    """By path of a list in the excerpt: the number of items in the payload before the first one that was kept."""

    def place(self, path: list[str | int]) -> list[str | int]:
        """Return where in the payload a value of the excerpt is."""
        if not self.left_out:
            return path
        found = list(path)
        for depth, step in enumerate(path):
            if isinstance(step, int):
                found[depth] = step + self.left_out.get(tuple(path[:depth]), 0)
        return found


class Excerpts:
    """Makes excerpts of payloads of one schema.

    Args:
        is_valid: Whether a payload is valid by the schema.
        names: All names of fields that the schema has, anywhere.
        longest: The greatest length of a text that it has.
    """

    def __init__(self, is_valid: _IsValid, names: frozenset[str], longest: int) -> None:
        self._is_valid = is_valid
        self._names = names
        self._longest = longest

    def of(self, payload: object) -> Excerpt:
        """Return an excerpt of an invalid payload. Validates up to three times as much as the payload has."""
        if _is_small(payload, self._longest):
            return Excerpt(payload, {})
        return self._narrowed(self._is_valid, payload, ())

    def _narrowed(self, is_valid: _IsValid, value: object, place: _Path) -> Excerpt:
        small = self._cut(value, 0)
        if not is_valid(small):
            return Excerpt(small, {})
        lists = list(_lists(value, small, ()))
        for path, items in lists:
            tried = _with(is_valid, small, path)
            if items and (len(lists) == 1 or not tried(items)):
                found = self._in_list(tried, items, place + path)
                return Excerpt(_put(small, path, found.value), found.left_out)
        return Excerpt(small, {})  # only a long URL that we send is wrong: the excerpt is valid

    def _in_list(self, is_valid: _IsValid, items: list[object], place: _Path) -> Excerpt:
        first, end = 0, len(items)
        while end - first > 1:
            middle = (first + end) // 2
            first, end = (middle, end) if is_valid(items[first:middle]) else (first, middle)
        if is_valid(items[first:end]):  # then the number of items is wrong, not one of them
            return Excerpt([self._cut(items[0], 2)] * min(len(items), _WHOLE_LISTS), {})
        inner = self._narrowed(lambda some: is_valid([some]), items[first], (*place, 0))
        return Excerpt([inner.value], {place: first, **inner.left_out})

    def _cut(self, value: object, lists: int) -> object:
        match value:
            case str():
                return _shortened(value, self._longest)
            case list():
                kept = _ITEMS[lists] if lists < len(_ITEMS) else 1
                return [self._cut(item, lists + 1) for item in value[:kept]]
            case dict():
                return {name: self._cut(item, lists) for name, item in self._fields(value)}
        return value

    def _fields(self, value: dict[str, object]) -> Iterator[tuple[str, object]]:
        known = self._names & value.keys()
        for name in known:
            yield name, value[name]
        for name in islice((each for each in value if each not in known), _UNKNOWN_NAMES):
            yield name[:_LONGEST_NAME], value[name]


def _shortened(text: str, longest: int) -> str:
    """Shorten a text. One that is too long stays too long, and a date-time with many decimals stays one."""
    if len(text) <= longest + _TAIL:
        return text
    left_out = text[longest:-_TAIL]
    # No date-time ends with "x".
    return text[:longest] + (text[-_TAIL:] if left_out.isascii() and left_out.isdigit() else "x")


def _is_small(payload: object, longest: int) -> bool:
    left = _SMALL
    waiting = [payload]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            left -= len(value) + 1
            if left < 0:
                return False
            waiting.extend(value.values() if isinstance(value, dict) else value)
        elif isinstance(value, str) and len(value) > longest:
            return False
    return True


def _lists(value: object, small: object, path: _Path) -> Iterator[tuple[_Path, list[object]]]:
    """Yield the lists that an excerpt has shortened, except those inside of lists."""
    if isinstance(value, list):
        yield path, value
    elif isinstance(value, dict) and isinstance(small, dict):
        for name, item in small.items():
            if isinstance(item, dict | list) and name in value:
                yield from _lists(value[name], item, (*path, name))


def _with(is_valid: _IsValid, value: object, path: _Path) -> _IsValid:
    return lambda item: is_valid(_put(value, path, item))


def _put(value: object, path: _Path, item: object) -> object:
    """Return a copy of nested objects with one value replaced."""
    if not path or not isinstance(value, dict):
        return item
    name, *rest = path
    return {**value, name: _put(value.get(str(name)), tuple(rest), item)}
