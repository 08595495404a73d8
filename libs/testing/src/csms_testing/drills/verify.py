"""Whether what was acknowledged is what is stored, shown and told."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from csms_testing.drills.api import Api
from csms_testing.drills.comparing import Acknowledged, differences
from csms_testing.drills.failure import DrillFailed
from csms_testing.drills.stored import Store, Stored
from csms_testing.drills.told import DomainEvents
from csms_testing.simulator import Ledger

_SAMPLE = 10
_STORED_S = 120.0
"""Until all is stored. A call that lost its gateway is ended the latest: device-mgmt does so a minute after the call's
deadline, and looks every half minute."""

ReadTold = Callable[[], Awaitable[DomainEvents]]
"""Returns what was told others of the drill's stations."""


async def verify(
    acknowledged: Acknowledged,
    store: Store,
    api: Api,
    prefix: str,
    *,
    read_told: ReadTold | None = None,
    deadline_s: float = _STORED_S,
) -> None:
    """Check that what was acknowledged to stations and callers is stored, once, and what the API shows and others hear.

    Waits up to `deadline_s` for what was acknowledged before it was stored (it was safe on the bus then). `read_told`:
    None where nobody can read what was told. Raises DrillFailed.
    """
    stored = await _until_complete(acknowledged, store, prefix, deadline_s)
    waiting = await _outbox_empty(store, 30)
    told = None if read_told is None else await read_told()
    problems = differences(acknowledged, stored, told)
    problems += await _sample(acknowledged.ledger, api)
    if waiting:
        problems.append(f"{waiting} records wait in the outbox")
    if problems:
        raise DrillFailed("; ".join(problems))


async def _until_complete(acknowledged: Acknowledged, store: Store, prefix: str, deadline_s: float) -> Stored:
    deadline = time.monotonic() + deadline_s
    while True:
        stored = await store.read(prefix)
        if acknowledged.is_stored(stored) or time.monotonic() > deadline:
            return stored
        await asyncio.sleep(0.3)


async def _outbox_empty(store: Store, deadline_s: float) -> int:
    deadline = time.monotonic() + deadline_s
    while True:
        waiting = await store.outbox()
        if not waiting or time.monotonic() > deadline:
            return waiting
        await asyncio.sleep(0.3)


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
