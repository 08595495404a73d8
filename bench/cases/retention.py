"""How fast old rows are deleted, on a PostgreSQL that a fleet has filled for a year.

What deletes is what the services run, with their batches and pauses. It is alone, so that what it takes can be seen.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csms_auth.store import audit
from csms_db.engine import Database
from csms_db.retention import Kept, Retention
from csms_device_mgmt.history.old_rows import delete_calls, delete_notifications
from csms_testing.postgres import postgres_requirement
from csms_transactions.store.retention import OldMeterValues, OldTransactions

from bench.cases.reading import full_database
from bench.filling import Size
from bench.settings import Settings
from bench.systems import Target
from bench.usage import cpu_by_part

_DAYS = 30


@dataclass(frozen=True, slots=True)
class _Kind:
    what: str
    schema: str
    kept: Kept


def _kinds() -> Sequence[_Kind]:
    transactions, meter_values = OldTransactions(), OldMeterValues()
    return (
        _Kind(
            "transactions with their events",
            "transactions",
            Kept("transactions", _DAYS, transactions.delete, transactions.unfinished),
        ),
        _Kind(
            "MeterValues messages",
            "transactions",
            Kept("meter_values", _DAYS, meter_values.delete, meter_values.unfinished),
        ),
        _Kind("calls", "devices", Kept("calls", _DAYS, delete_calls)),
        _Kind("recorded messages", "devices", Kept("notifications", _DAYS, delete_notifications)),
        _Kind("entries of the audit log", "auth", Kept("audit", _DAYS, audit.forget)),
    )


async def measure(settings: Settings) -> dict[str, Any]:
    """Rows a second, and what each costs. Nothing where PostgreSQL cannot run."""
    missing = postgres_requirement()
    if missing:
        settings.say(missing)
        return {}
    size = Size(settings.stored_events // 50)
    with tempfile.TemporaryDirectory(prefix="csms-bench-") as temporary:
        async with full_database(Path(temporary), size, settings.say, durable=True) as (url, postgres):
            target = Target("retention", [], {}, {"postgres": postgres})
            rows = [await _rate(settings, target, url, kind) for kind in _kinds()]
    return {"date": time.strftime("%Y-%m-%d"), "events": size.transactions * size.each, "kinds": rows}


async def _rate(settings: Settings, target: Target, url: str, kind: _Kind) -> dict[str, Any]:
    settings.say(f"deleting {kind.what}")
    database, seconds = Database(url, kind.schema), 2 * settings.seconds
    await Retention(database, [kind.kept], most_batches=1).apply()  # makes its connection and statements
    before, ours, began = cpu_by_part(target), time.process_time(), time.perf_counter()
    deleted = await _delete(database, kind.kept, seconds)
    took = time.perf_counter() - began
    postgres_s = cpu_by_part(target)["postgres"] - before["postgres"]
    ours_s = time.process_time() - ours
    await database.close()
    return {
        "what": kind.what,
        "deleted": deleted,
        "seconds": round(took, 2),
        "service_us": round(ours_s / max(1, deleted) * 1e6, 1),
        "postgres_us": round(postgres_s / max(1, deleted) * 1e6, 1),
    }


async def _delete(database: Database, kind: Kept, seconds: float) -> int:
    """Delete for about so long, or until nothing is left."""
    retention, deleted, ends = Retention(database, [kind], most_batches=5), 0, time.perf_counter() + seconds
    while found := await retention.apply():
        deleted += sum(found.values())
        if time.perf_counter() > ends:
            break
    return deleted
