"""Reads a large payload in pieces: a few entries of its one long list at a time.

A large message of a station has one long list: of meter values, events or variables. To parse 4 MiB of them as a whole
takes 60 MB, and nobody else has the event loop meanwhile. Pieces use the same memory again and again.

The place of a cut is guessed: before an entry that begins as the first one does. Then it is checked: if `[` piece `]`
is valid JSON, the piece ends between two entries of the list. Otherwise it would end inside a string, or have a bracket
too few or too many. So the entries of all pieces, in order, are those of the whole.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, Self

import orjson

from csms_ocpp.cost import MAX_STRUCTURE, structure
from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.fitness import HOLDS_NUL, TOO_DEEP, holds_nul, is_too_deep
from csms_ocpp.validation import Violation, pointer

LONG_BYTES = 256 * 1024
"""A payload that is shorter is read as a whole."""
_PIECE_BYTES = 32 * 1024
"""Bytes of a piece at least: a millisecond of work."""
_LONGEST_PIECE = 256 * 1024
_MOST_AROUND = 16 * 1024
"""Bytes before the list at most, and after it."""
_TRIES = 12
"""Brackets before the list, and after it, that are tried."""
_MISSES = 16
"""Wrong guesses in one list at most. A text inside an entry may look like the beginning of an entry."""
_MARK = "\N{REPLACEMENT CHARACTER}here"
_FIRST = re.compile(rb'\s*(\{\s*"[^"\\]{0,60}"\s*:)')
_MOST_ITEMS = 2000
"""More items than any list of OCPP with a limit may have (1024)."""

_Path = tuple[str | int, ...]


class NotInPiecesError(ValueError):
    """A list can't be read in pieces: it is not valid JSON, or its entries do not look alike."""


class Piece(NamedTuple):
    """Some entries of the list."""

    first: int
    """The number of entries before them."""
    items: list[Any]


@dataclass(slots=True)
class LongList:
    """A payload that is an object with one long list somewhere in it."""

    raw: bytes = field(repr=False)
    """The payload as it came."""
    path: _Path
    """Where in the payload the list is."""
    _around: Any = field(repr=False)
    _begin: int
    _end: int
    _next: re.Pattern[bytes] = field(repr=False)
    is_checked: bool = False
    problem: OcppError | None = None
    """What is wrong with the payload. None: nothing, or it was not checked yet."""

    @classmethod
    def find(cls, raw: bytes) -> Self | None:
        """Find the long list of a payload. Returns None when it is short, or can't be read in pieces."""
        if len(raw) < LONG_BYTES:
            return None
        for begin in _brackets(raw):
            first = _FIRST.match(raw, begin, begin + 100)
            if first is None:
                continue
            following = re.compile(rb",\s*" + re.escape(first[1]))
            if following.search(raw, begin + _PIECE_BYTES, begin + _LONGEST_PIECE) is None:
                continue
            for end in _brackets_behind(raw):
                around, path = _without(raw[:begin], raw[end:])
                if path is not None:
                    found = cls(raw, path, around, begin, end, following)
                    if found._is_one(first[1]):
                        return found
        return None

    def _is_one(self, opening: bytes) -> bool:
        """Whether the brackets are those of one list: its first piece and its last entry are entries."""
        last = self.raw.rfind(opening, max(self._begin, self._end - _LONGEST_PIECE), self._end)
        if last < 0 or _entries(self.raw[last : self._end]) is None:
            return False
        try:
            next(self.pieces())
        except NotInPiecesError:
            return False
        return True

    def pieces(self) -> Iterator[Piece]:
        """Yield the entries of the list, in order. Raises NotInPiecesError."""
        at, count, misses = self._begin, 0, _MISSES
        while at < self._end:
            cut = at
            while True:
                cut = self._cut(at, cut)
                items = _entries(self.raw[at:cut])
                if items is not None:
                    break
                misses -= 1
                if not misses or cut == self._end:
                    raise NotInPiecesError
            yield Piece(count, items)
            count += len(items)
            at = cut + 1

    def _cut(self, at: int, last: int) -> int:
        """Return where the piece that begins at `at` may end, after `last`."""
        found = self._next.search(self.raw, max(at + _PIECE_BYTES, last + 1), self._end)
        cut = self._end if found is None else found.start()
        if cut - at > _LONGEST_PIECE:
            raise NotInPiecesError
        return cut

    def payloads(self) -> Iterator[tuple[int, Any]]:
        """Yield the payload with some entries of the list at a time, and the number of entries before them.

        Each time it is the same object: be done with it before the next one. Raises NotInPiecesError.
        """
        for piece in self.pieces():
            yield piece.first, self.with_items(piece.items)

    @property
    def around(self) -> Any:  # noqa: ANN401  # a JSON value
        """The payload with an empty list in place of the long one."""
        return self.with_items([])

    def with_items(self, items: list[Any]) -> Any:  # noqa: ANN401  # a JSON value
        """Return the payload with these entries in the list. It is the same object each time."""
        *steps, last = self.path
        place = self._around
        for step in steps:
            place = place[step]
        place[last] = items
        return self._around

    def checking(self, violation_of: Callable[[object], Violation | None]) -> Iterator[None]:
        """Check the payload as `violation_of` would check the whole, and set `problem`.

        Yields after each piece, about once in a millisecond.
        """
        self.problem = OcppError(ErrorCode.FORMAT_VIOLATION, HOLDS_NUL) if holds_nul(self.raw) else None
        if self.problem is None:
            try:
                yield from self._checking(violation_of)
            except NotInPiecesError:
                self.problem = self._problem_of_whole(violation_of)
        self.is_checked = True

    def _problem_of_whole(self, violation_of: Callable[[object], Violation | None]) -> OcppError | None:
        if structure(self.raw) > MAX_STRUCTURE:
            text = "not valid JSON, or entries that do not look alike in a list too large to be read as a whole"
            return OcppError(ErrorCode.FORMAT_VIOLATION, text)
        try:
            payload = orjson.loads(self.raw)
        except orjson.JSONDecodeError as error:  # as csms_ocpp.frames says it of a message that is read as a whole
            return OcppError(ErrorCode.FORMAT_VIOLATION, f"not valid JSON: {error.msg} (at character {error.pos})")
        return _problem(payload, violation_of)

    def _checking(self, violation_of: Callable[[object], Violation | None]) -> Iterator[None]:
        count = 0
        for piece in self.pieces():
            self.problem = _problem(self.with_items(piece.items), violation_of, partial(self._placed, piece.first))
            if self.problem is not None:
                return
            count = piece.first + len(piece.items)
            yield
        self.problem = self._number_problem(count, violation_of)

    def check(self, violation_of: Callable[[object], Violation | None]) -> OcppError | None:
        """Return what is wrong with the payload. Checks it if that was not done yet."""
        if not self.is_checked:
            for _ in self.checking(violation_of):
                pass
        return self.problem

    def _placed(self, first: int, violation: Violation) -> Violation:
        """Return a violation with its place in the whole payload."""
        before = pointer(self.path) + "/"
        index, slash, rest = violation.pointer.removeprefix(before).partition("/")
        if not violation.pointer.startswith(before) or not index.isdigit():
            return violation
        return replace(violation, pointer=f"{before}{int(index) + first}{slash}{rest}")

    def _number_problem(self, count: int, violation_of: Callable[[object], Violation | None]) -> OcppError | None:
        """Check that there are not too many entries. Each entry is right."""
        one, *_ = next(self.pieces()).items
        violation = violation_of(self.with_items([one] * min(count, _MOST_ITEMS)))
        return None if violation is None else OcppError(violation.code, violation.description)


def loads(raw: bytes) -> Any:  # noqa: ANN401  # a JSON value
    """Parse JSON, in pieces where that is possible: other threads wait no longer than one piece takes.

    Raises ValueError.
    """
    found = LongList.find(raw)
    if found is None:
        return orjson.loads(raw)
    try:
        return found.with_items([item for piece in found.pieces() for item in piece.items])
    except NotInPiecesError:
        return orjson.loads(raw)


def _problem(
    payload: object,
    violation_of: Callable[[object], Violation | None],
    placed: Callable[[Violation], Violation] = lambda violation: violation,
) -> OcppError | None:
    if is_too_deep(payload):
        return OcppError(ErrorCode.FORMAT_VIOLATION, TOO_DEEP)
    violation = violation_of(payload)
    return None if violation is None else OcppError(violation.code, placed(violation).description)


def _brackets(raw: bytes) -> Iterator[int]:
    """Yield the places after the first opening brackets."""
    return (found.end() for found in islice(re.finditer(rb"\[", raw[:_MOST_AROUND]), _TRIES))


def _brackets_behind(raw: bytes) -> Iterator[int]:
    """Yield the places of the last closing brackets, the last one first."""
    end = len(raw)
    for _ in range(_TRIES):
        end = raw.rfind(b"]", max(0, len(raw) - _MOST_AROUND), end)
        if end < 0:
            return
        yield end


def _without(head: bytes, tail: bytes) -> tuple[Any, _Path | None]:
    """Return the payload without the list, and the list's path. The path is None when head and tail do not fit.

    A mark is put between head and tail. It is a text of its own only if neither bracket is inside a text.
    """
    try:
        around = orjson.loads(b'%b"%b"%b' % (head, _MARK.encode(), tail))
    except ValueError:
        return None, None
    places = list(islice(_marked(around, ()), 2))  # of several fields with one name the last one counts
    return around, places[0] if len(places) == 1 and places[0] else None


def _marked(value: object, path: _Path) -> Iterator[_Path]:
    if value == [_MARK]:
        yield path
    elif isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _marked(item, (*path, step))


def _entries(text: bytes) -> list[Any] | None:
    """Return the entries in a text. None: there are none, or not whole ones."""
    try:
        items = orjson.loads(b"[%b]" % text)
    except ValueError:
        return None
    return items or None
