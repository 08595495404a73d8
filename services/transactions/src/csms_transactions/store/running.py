"""Counts the running transactions for the metrics. They have an index of their own, however many have ended."""

from collections import Counter
from datetime import datetime

import sqlalchemy as sa
from csms_db.counting import SLICE_ROWS, Counted, Counting, slices
from csms_db.engine import Database
from csms_runtime import metrics

from csms_transactions.store.tables import counts, transactions

_RUNNING = transactions.c.state == sa.literal_column("'Active'")  # no parameter: the index has this condition
_NOT_TOLD = "None"
_STATES = ("Charging", "EVConnected", "SuspendedEV", "SuspendedEVSE", "Idle", _NOT_TOLD)


async def count(database: Database, rows: int = SLICE_ROWS) -> Counted:
    """Return how many there are by charging state. `rows`: of a slice. Raises DatabaseUnavailable."""
    found: Counter[str] = Counter()
    state = transactions.c.charging_state
    async for which in slices(database, transactions.c.station_id, _RUNNING, rows=rows):
        async with database.reading() as session:
            for told, number in await session.execute(sa.select(state, sa.func.count()).where(which).group_by(state)):
                found[told or _NOT_TOLD] += number
    return dict(found)


def counting(database: Database, interval_s: float) -> Counting:
    """Return what counts them every `interval_s` seconds and tells the metrics."""
    return Counting(database, counts, "running", count=lambda: count(database), tell=tell, interval_s=interval_s)


def tell(counted: Counted, at: datetime) -> None:
    """Give the metrics what was counted; states that no transaction is in are told, too."""
    metrics.TRANSACTIONS_RUNNING.replace({(state,): counted.get(state, 0) for state in _STATES})
    metrics.TRANSACTIONS_COUNTED.set(at.timestamp())
