"""Lists in the order of a time, in pages, filtered or not: always in the order of an index that fits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from csms_db.base import UtcDateTime
from csms_db.sql import apart

Column = sa.ColumnElement[Any] | InstrumentedAttribute[Any]


@dataclass(frozen=True, slots=True)
class ByTime:
    """The order of a list by a time and, of rows of the same time, a key: from the newest on, unless `oldest_first`.

    Filters that are told here (`filtered`) have an index that begins with the filter's column and goes on with the
    time; the list without them has an index of `apart(time)` and the key, see `csms_db.sql.apart`. An index serves
    either direction.
    """

    time: Column
    key: Column
    filtered: bool
    oldest_first: bool = False

    def since(self, moment: datetime) -> sa.ColumnElement[bool]:
        """Then or later."""
        return self._moment >= self._at(moment)

    def until(self, moment: datetime) -> sa.ColumnElement[bool]:
        """Before."""
        return self._moment < self._at(moment)

    @property
    def is_told(self) -> sa.ColumnElement[bool]:
        """There is a time, so that an index does not begin with the rows that have none."""
        return self._moment.is_not(None)

    def page(self, query: sa.Select[Any], after: tuple[datetime, Any] | None) -> sa.Select[Any]:
        """Return the query in this order, of the rows behind `after`, a time and a key; None: from the first."""
        if after is not None:
            moment, key = after
            row, seen = sa.tuple_(self._moment, self.key), sa.tuple_(self._at(moment), key)
            query = query.where(row > seen if self.oldest_first else row < seen)
        if self.oldest_first:
            return query.order_by(self._moment, self.key)
        return query.order_by(self._moment.desc(), self.key.desc())

    @property
    def _moment(self) -> Column:
        return self.time if self.filtered else apart(self.time)

    def _at(self, moment: datetime) -> sa.ColumnElement[Any]:
        value = sa.literal(moment, UtcDateTime())
        return value if self.filtered else apart(value)
