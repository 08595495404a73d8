"""Which transactions a list shows, as conditions on the columns of `transactions`, sorted by what finds such rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from csms_runtime.http.sorting import Sort
from sqlalchemy import ColumnElement, func, literal_column, or_
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from csms_transactions.domain.quality import Quality
from csms_transactions.store.rows import token_key

Columns = ReadOnlyColumnCollection[str, ColumnElement[Any]]
Conditions = list[ColumnElement[bool]]
_EMPTY: ColumnElement[Any] = literal_column("'[]'")
_MEASURED: ColumnElement[Any] = literal_column("'measured'")
"""Written as in the indexes' own conditions, so that databases see that these hold."""


class TransactionSort(Sort):
    """The orders. The end of an active one is not known: in both directions they come first, by their start.

    So no transaction is left out that ends while somebody reads page after page.
    """

    STARTED_AT = "started_at"
    STARTED_AT_DESC = "-started_at"
    ENDED_AT = "ended_at"
    ENDED_AT_DESC = "-ended_at"
    UPDATED_AT = "updated_at"
    UPDATED_AT_DESC = "-updated_at"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which transactions; None: any. Texts are compared without case."""

    station_id: str | None = None
    evse_id: int | None = None
    """Of that station."""
    transaction_id: str | None = None
    """The station's id of it."""
    state: str | None = None
    id_token: str | None = None
    """The token it belongs to (C01.FR.25)."""
    group_id_token: str | None = None
    remote_start_id: int | None = None
    energy_quality: str | None = None
    has_gaps: bool | None = None
    q: str | None = None
    """The whole of a station's id, a transactionId, a token or our id."""
    started_since: datetime | None = None
    """Started then or later."""
    started_until: datetime | None = None
    """Started before."""
    ended_since: datetime | None = None
    """Ended then or later."""
    ended_until: datetime | None = None
    """Ended before."""
    updated_since: datetime | None = None
    """Changed then or later."""

    @property
    def order(self) -> TransactionSort:
        """The order when nobody asks for one: the newest first, by the time that the filter is about."""
        if self.updated_since is not None:
            return TransactionSort.UPDATED_AT_DESC
        if self.is_about_the_end:
            return TransactionSort.ENDED_AT_DESC
        return TransactionSort.STARTED_AT_DESC

    @property
    def is_about_the_end(self) -> bool:
        """Active ones are none of these."""
        return self.ended_since is not None or self.ended_until is not None

    def times(self, settled: datetime | None) -> dict[str, tuple[datetime | None, datetime | None]]:
        """Return from when, until when, by the name of the column; only those that are limited.

        `settled`: what was changed then or later is not shown yet.
        """
        told = {
            "started_at": (self.started_since, self.started_until),
            "ended_at": (self.ended_since, self.ended_until),
            "updated_at": (self.updated_since, settled),
        }
        return {name: span for name, span in told.items() if span != (None, None)}


@dataclass(slots=True)
class Asked:
    """The conditions of a filter, but for state and times."""

    narrow: Conditions = field(default_factory=list)
    """Few rows are such: they are found by an index of theirs, and sorted."""
    indexed: Conditions = field(default_factory=list)
    """These have an index that goes on with the time of the start."""
    others: Conditions = field(default_factory=list)
    """Nearly all rows are such as a rule."""

    @property
    def all(self) -> Conditions:
        """All of them."""
        return [*self.narrow, *self.indexed, *self.others]


def asked(filters: Filter, columns: Columns, stations: Sequence[str], like_q: Sequence[str]) -> Asked:
    """Return the conditions. `stations`, `like_q`: how the stations of `station_id` and `q` are spelled."""
    found = Asked(narrow=list(_narrow(filters, columns, stations, like_q)))
    if filters.group_id_token is not None:
        same = func.lower(columns.group_id_token) == func.lower(filters.group_id_token)
        found.indexed += [same, columns.group_id_token.is_not(None)]
    if filters.remote_start_id is not None:
        found.indexed.append(columns.remote_start_id == filters.remote_start_id)
    if filters.has_gaps is not None:
        is_told = columns.gaps.op("<>" if filters.has_gaps else "=", is_comparison=True)(_EMPTY)
        (found.indexed if filters.has_gaps else found.others).append(is_told)
    if filters.energy_quality == Quality.MEASURED:
        found.others.append(columns.energy_quality == filters.energy_quality)
    elif filters.energy_quality is not None:
        rare = columns.energy_quality.op("<>", is_comparison=True)(_MEASURED)
        found.indexed += [columns.energy_quality == filters.energy_quality, rare]
    return found


def _narrow(
    filters: Filter, columns: Columns, stations: Sequence[str], like_q: Sequence[str]
) -> Iterator[ColumnElement[bool]]:
    if filters.station_id is not None:
        yield _among(columns.station_id, stations)
    if filters.evse_id is not None:
        yield columns.evse_id == filters.evse_id
    if filters.transaction_id is not None:
        yield columns.transaction_id_key == filters.transaction_id.casefold()
    if filters.id_token is not None:
        yield columns.id_token_key == token_key(filters.id_token)
    if filters.q is not None:
        yield _is_called(columns, filters.q, like_q)


def _is_called(columns: Columns, text: str, stations: Sequence[str]) -> ColumnElement[bool]:
    return or_(
        _among(columns.station_id, stations),
        columns.transaction_id_key == text.casefold(),
        columns.id_token_key == token_key(text),
        columns.id == text.lower(),
    )


def _among(column: ColumnElement[Any], names: Sequence[str]) -> ColumnElement[bool]:
    return column == names[0] if len(names) == 1 else column.in_(names)  # the first reads an index in order
