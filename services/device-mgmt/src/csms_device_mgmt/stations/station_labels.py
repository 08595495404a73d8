"""Labels of stations: what operators sort them by, beside sites. Kept in the station's row, and found here."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from csms_db.sql import apart, insert
from csms_runtime.texts import NO_NUL
from pydantic import Field
from sqlalchemy import Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.tables import StationLabel

MOST_LABELS = 32
"""Of a station."""
KEY = r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}"
MAX_VALUE = 100
MAX_LABEL = 63 + 1 + MAX_VALUE
_LABEL = re.compile(rf"{KEY}:[^\x00]{{0,{MAX_VALUE}}}", re.DOTALL)

Labels = Annotated[
    dict[
        Annotated[str, Field(pattern=f"^{KEY}$")],
        Annotated[str, Field(max_length=MAX_VALUE, pattern=NO_NUL)],
    ],
    Field(max_length=MOST_LABELS),
]
"""A station's labels: texts by keys of letters, digits and `._/-`."""


ORDER = apart(StationLabel.station_id)
"""The order of the stations with a label, by the index of labels."""


def is_label(text: str) -> bool:
    """Whether a text is a label as it is written in a query: "key:value"."""
    return _LABEL.fullmatch(text) is not None


def written(labels: Mapping[str, str]) -> Sequence[str]:
    """Return labels as they are written in a query and stored here. A key has no colon."""
    return sorted(f"{key}:{value}" for key, value in labels.items())


async def replace(session: AsyncSession, station_id: str, labels: Mapping[str, str]) -> None:
    """Have a station found by these labels and no others. Its row must be locked, or new."""
    await session.execute(delete(StationLabel).where(StationLabel.station_id == station_id))
    rows = [{"station_id": station_id, "label": label} for label in written(labels)]
    if rows:
        await session.execute(insert(session, StationLabel).values(rows).on_conflict_do_nothing())


def having(label: str) -> Select[str]:
    """Return the query of the stations with a label."""
    return select(StationLabel.station_id).where(StationLabel.label == label)
