"""ID tokens as lines of a CSV file. Pure."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from csms_runtime.http.problems import FieldError, invalid_request, pointer
from pydantic import ValidationError

from csms_auth.domain.tokens import KEY_CODE, TOKEN_TYPES, TokenRef
from csms_auth.http.token_models import TokenBody

MOST_LINES = 20_000
"""Of one file."""
_KEY = ("type", "id_token")
COLUMNS = (*_KEY, *TokenBody.model_fields)
_LISTS = frozenset({"evse_ids", "site_ids"})
_BETWEEN = "|"
"""Between the elements of a list, and between labels."""
_SPELLINGS = {name.casefold(): name for name in TOKEN_TYPES}
_MAX_TYPE, _MAX_ID = 20, 255


class Line(NamedTuple):
    """A line that can be taken."""

    number: int
    ref: TokenRef
    body: TokenBody


class Wrong(NamedTuple):
    """A line that cannot."""

    number: int
    errors: Sequence[FieldError]


def lines(text: str) -> Iterator[Line | Wrong]:
    """Read the lines of a file whose first line names its columns, those of `COLUMNS`, in any order.

    Between columns are commas, or semicolons where the first line has no comma. An empty cell clears what the column is
    about; a column that is not there leaves it as it is. Empty lines are passed over. Raises Problem 422: the first
    line names other columns, or there are too many lines.
    """
    text = text.removeprefix("\ufeff")
    first, _, _ = text.partition("\n")
    reader = csv.reader(text.splitlines(keepends=True), delimiter="," if "," in first else ";", strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error:
        names = []
    _check(names)
    return _read(reader, names)


def _check(names: Sequence[str]) -> None:
    errors = [FieldError("", f"the first line lacks the column {name}") for name in _KEY if name not in names]
    if not set(names) <= set(COLUMNS) or len(set(names)) < len(names):
        errors.append(FieldError("", f"the first line may name each of these columns once: {', '.join(COLUMNS)}"))
    if errors:
        raise invalid_request(errors)


def _read(reader: Any, names: Sequence[str]) -> Iterator[Line | Wrong]:  # noqa: ANN401 csv names no type
    count = 0
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error:
            yield Wrong(number, [FieldError("", "from here on this is no CSV")])
            return
        if cells is None:
            return
        if not any(cells):
            continue
        count += 1
        if count > MOST_LINES:
            yield Wrong(number, [FieldError("", f"from here on nothing is taken: a file has up to {MOST_LINES} lines")])
            return
        if len(cells) != len(names):
            yield Wrong(number, [FieldError("", f"{len(cells)} cells, not {len(names)}")])
            continue
        yield _line(number, dict(zip(names, map(str.strip, cells), strict=True)))


def _line(number: int, cells: Mapping[str, str]) -> Line | Wrong:
    ref = TokenRef(cells["type"], cells["id_token"])
    errors = list(_faults_of(ref))
    if errors:
        return Wrong(number, errors)
    try:
        body = TokenBody.model_validate({name: _value(name, cells[name]) for name in _given(cells)})
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        return Wrong(number, [FieldError(pointer(each["loc"]), each["msg"]) for each in found])
    return Line(number, ref, body)


def _faults_of(ref: TokenRef) -> Iterator[FieldError]:
    if not 0 < len(ref.type) <= _MAX_TYPE:
        yield FieldError("/type", f"has 1 to {_MAX_TYPE} characters")
    if not 0 < len(ref.id_token) <= _MAX_ID:
        yield FieldError("/id_token", f"has 1 to {_MAX_ID} characters")
    if "\0" in ref.type + ref.id_token:
        yield FieldError("", "holds a NUL")
    spelling = _SPELLINGS.get(ref.type.casefold(), ref.type)
    if spelling != ref.type:
        yield FieldError("/type", f"this type is spelled {spelling}")
    if ref.type == KEY_CODE:
        yield FieldError("/type", "a key code is a secret: it is put by itself, not in a file")


def _given(cells: Mapping[str, str]) -> Iterator[str]:
    """The columns that say something: an empty status is none, for nothing clears it."""
    return (name for name, cell in cells.items() if name not in _KEY and (cell or name != "status"))


def _value(name: str, cell: str) -> Any:  # noqa: ANN401 what the model takes
    if not cell:
        return None
    if name in _LISTS:
        return cell.split(_BETWEEN)
    if name == "labels":
        return dict(_label(each) for each in cell.split(_BETWEEN))
    return cell


def _label(text: str) -> tuple[str, str]:
    """Return key and value; a text without a colon has an empty key, which no label may have."""
    key, colon, value = text.partition(":")
    return (key, value) if colon else ("", text)
