"""Whether the stations' ledger and the database agree."""

import asyncio
import random
import time
from collections.abc import Callable

import orjson

from csms_testing.drills.api import Api
from csms_testing.drills.failure import DrillFailed
from csms_testing.drills.stored import Store, Stored
from csms_testing.simulator import Ledger, State

_SAMPLE = 10
_SHOWN = 3


async def verify(ledger: Ledger, store: Store, api: Api, prefix: str, *, deadline_s: float = 60) -> None:
    """Check that what the stations know to have sent is what is stored, once, and what the API shows.

    Waits up to `deadline_s` for what was acknowledged before it was stored (it was safe on the bus then).
    Raises DrillFailed.
    """
    stored = await _until_complete(ledger, store, prefix, deadline_s)
    problems = list(filter(None, (check(ledger, stored) for check in CHECKS)))
    problems += await _sample(ledger, api)
    waiting = await _outbox_empty(store, 30)
    if waiting:
        problems.append(f"{waiting} records wait in the outbox")
    if problems:
        raise DrillFailed("; ".join(problems))


async def _until_complete(ledger: Ledger, store: Store, prefix: str, deadline_s: float) -> Stored:
    deadline = time.monotonic() + deadline_s
    while True:
        stored = await store.read(prefix)
        if ledger.acknowledged_keys() <= stored.events.keys() or time.monotonic() > deadline:
            return stored
        await asyncio.sleep(0.3)


async def _outbox_empty(store: Store, deadline_s: float) -> int:
    deadline = time.monotonic() + deadline_s
    while True:
        waiting = await store.outbox()
        if not waiting or time.monotonic() > deadline:
            return waiting
        await asyncio.sleep(0.3)


def _some(items: object) -> str:
    return ", ".join(map(str, sorted(items, key=str)[:_SHOWN]))  # type: ignore[call-overload]


def _lost(ledger: Ledger, stored: Stored) -> str | None:
    missing = ledger.acknowledged_keys() - stored.events.keys()
    return f"{len(missing)} acknowledged events are not stored: {_some(missing)}" if missing else None


def _doubled(_ledger: Ledger, stored: Stored) -> str | None:
    doubled = [key for key, count in stored.events.items() if count > 1]
    return f"{len(doubled)} events are stored more than once: {_some(doubled)}" if doubled else None


def _invented(ledger: Ledger, stored: Stored) -> str | None:
    invented = stored.events.keys() - ledger.sent_keys()
    return f"{len(invented)} stored events were never sent: {_some(invented)}" if invented else None


def _undelivered(ledger: Ledger, _stored: Stored) -> str | None:
    left = [entry for entry in ledger if entry.state is not State.ACKNOWLEDGED]
    return f"{len(left)} events were not acknowledged in the end: {left[:_SHOWN]}" if left else None


def _changed(ledger: Ledger, stored: Stored) -> str | None:
    sent = {(entry.station_id, entry.transaction_id, entry.seq_no): entry.payload_hash for entry in ledger}
    changed = [key for key, value in stored.hashes.items() if key in sent and sent[key] != value]
    return f"{len(changed)} events are stored with other content: {_some(changed)}" if changed else None


def _derived(ledger: Ledger, stored: Stored) -> str | None:
    wrong = []
    for key, seq_nos in ledger.transactions().items():
        row = stored.transactions.get(key)
        expected: tuple[object, ...] = ("Ended", len(seq_nos), seq_nos[-1], [])
        if row is None or (row["state"], row["event_count"], row["last_seq_no"], orjson.loads(row["gaps"])) != expected:
            wrong.append((key, expected, row))
    return f"{len(wrong)} transactions are derived wrongly: {wrong[:_SHOWN]}" if wrong else None


def _polite(ledger: Ledger, _stored: Stored) -> str | None:
    found = ledger.violations
    return f"the CSMS broke the protocol {len(found)} times: {found[:_SHOWN]}" if found else None


CHECKS: tuple[Callable[[Ledger, Stored], str | None], ...] = (
    _lost,
    _doubled,
    _invented,
    _undelivered,
    _changed,
    _derived,
    _polite,
)


async def _sample(ledger: Ledger, api: Api) -> list[str]:
    """Compare some transactions with what the API shows."""
    known = ledger.transactions()
    problems = []
    for station_id, transaction_id in random.sample(sorted(known), min(_SAMPLE, len(known))):
        shown = await _shown(api, station_id, transaction_id)
        if shown != known[station_id, transaction_id]:
            problems.append(f"the API shows events {shown} of {station_id} {transaction_id}")
    return problems


async def _shown(api: Api, station_id: str, transaction_id: str) -> list[int]:
    found = await api.get("/transactions", station_id=station_id, transaction_id=transaction_id)
    pages = [await api.get(f"/transactions/{item['id']}/events", limit=1000) for item in found["items"]]
    return [event["seq_no"] for page in pages for event in page["items"]]
