from collections import Counter

import pytest
from csms_testing.drills.failure import DrillFailed
from csms_testing.drills.stored import Stored
from csms_testing.drills.verify import verify
from csms_testing.simulator import Ledger, State
from csms_testing.simulator.ledger import payload_hash


def payload(seq_no, event_type="Updated"):
    return {
        "eventType": event_type,
        "seqNo": seq_no,
        "timestamp": "2026-01-01T00:00:00Z",
        "transactionInfo": {"transactionId": "T1"},
    }


class FakeApi:
    def __init__(self, seq_nos=(0, 1)):
        self.seq_nos = seq_nos

    async def get(self, path, **_):
        if path == "/transactions":
            return {"items": [{"id": "1"}]}
        return {"items": [{"seq_no": seq_no} for seq_no in self.seq_nos]}


class FakeStore:
    """What a sound database would hold, until a test changes it."""

    def __init__(self):
        keys = [("CS1", "T1", 0), ("CS1", "T1", 1)]
        self.events = Counter(keys)
        self.hashes = {
            key: payload_hash(payload(key[2], kind)) for key, kind in zip(keys, ("Started", "Ended"), strict=True)
        }
        self.transaction = {"state": "Ended", "event_count": 2, "last_seq_no": 1, "gaps": "[]"}
        self.waiting = 0

    async def read(self, prefix):
        assert prefix == "CS"
        return Stored(self.events, self.hashes, {("CS1", "T1"): self.transaction})

    async def outbox(self):
        return self.waiting


@pytest.fixture
def ledger():
    made = Ledger()
    for seq_no, kind in enumerate(("Started", "Ended")):
        entry = made.record("CS1", payload(seq_no, kind))
        entry.message_ids.append(f"m{seq_no}")
        made.acknowledge(entry, {})
    return made


@pytest.fixture
def store():
    return FakeStore()


async def check(ledger, store, api=None):
    await verify(ledger, store, api or FakeApi(), "CS", deadline_s=0)


async def test_agreement(ledger, store):
    await check(ledger, store)


async def test_an_acknowledged_event_that_is_not_stored_is_lost(ledger, store):
    del store.events["CS1", "T1", 1]
    with pytest.raises(DrillFailed, match="1 acknowledged events are not stored"):
        await check(ledger, store)


async def test_an_event_stored_twice(ledger, store):
    store.events["CS1", "T1", 1] = 2
    with pytest.raises(DrillFailed, match="stored more than once"):
        await check(ledger, store)


async def test_an_event_nobody_sent(ledger, store):
    store.events["CS1", "T1", 7] = 1
    with pytest.raises(DrillFailed, match="never sent"):
        await check(ledger, store)


@pytest.mark.parametrize("state", [State.PENDING, State.DROPPED])
async def test_an_event_without_an_answer(ledger, store, state):
    next(iter(ledger)).state = state
    with pytest.raises(DrillFailed, match="not acknowledged in the end"):
        await check(ledger, store)


async def test_other_content(ledger, store):
    store.hashes["CS1", "T1", 0] = "0"
    with pytest.raises(DrillFailed, match="other content"):
        await check(ledger, store)


@pytest.mark.parametrize("wrong", [{"state": "Active"}, {"event_count": 1}, {"last_seq_no": 0}, {"gaps": "[[1, 1]]"}])
async def test_a_transaction_derived_wrongly(ledger, store, wrong):
    store.transaction |= wrong
    with pytest.raises(DrillFailed, match="derived wrongly"):
        await check(ledger, store)


async def test_a_breach_of_the_protocol(ledger, store):
    ledger.violations.append("CS1: frame: nonsense")
    with pytest.raises(DrillFailed, match="broke the protocol"):
        await check(ledger, store)


async def test_an_api_that_shows_something_else(ledger, store):
    with pytest.raises(DrillFailed, match="the API shows"):
        await check(ledger, store, FakeApi(seq_nos=(0,)))


async def test_waits_for_what_is_stored_later(ledger, store):
    complete, store.events = store.events, Counter([("CS1", "T1", 0)])
    first_read = store.read

    async def read(prefix):
        found = await first_read(prefix)
        store.events = complete
        return found

    store.read = read
    await verify(ledger, store, FakeApi(), "CS", deadline_s=10)
