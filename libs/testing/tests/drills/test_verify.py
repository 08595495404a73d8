from collections import Counter

import orjson
import pytest
from csms.v1.events_pb2 import DomainEvent, StationNotified, Transaction, TransactionEnded, TransactionStarted
from csms_testing.drills.comparing import Acknowledged
from csms_testing.drills.failure import DrillFailed
from csms_testing.drills.ledger import WatchedLedger
from csms_testing.drills.stored import Stored
from csms_testing.drills.told import DomainEvents
from csms_testing.drills.verify import verify
from csms_testing.simulator import State
from csms_testing.simulator.ledger import payload_hash

DRIVER, KEEPER = ("DRIVER", "ISO14443"), ("KEEPER", "ISO14443")
GROUPS = {DRIVER: ("FLEET", "Central"), KEEPER: ("KEEPERS", "Central")}


def payload(seq_no, event_type):
    token = DRIVER if event_type == "Started" else KEEPER
    register = {"value": 100.0 + 50 * seq_no, "measurand": "Energy.Active.Import.Register"}
    return {
        "eventType": event_type,
        "seqNo": seq_no,
        "timestamp": "2026-01-01T00:00:00Z",
        "transactionInfo": {"transactionId": "T1"},
        "idToken": {"idToken": token[0], "type": token[1]},
        "meterValue": [{"sampledValue": [register]}],
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
        self.transaction = {
            "state": "Ended",
            "event_count": 2,
            "last_seq_no": 1,
            "gaps": "[]",
            "energy_wh": 50.0,
            "id_token": "DRIVER",
            "id_token_type": "ISO14443",
            "stop_id_token": "KEEPER",
            "stop_id_token_type": "ISO14443",
            "group_id_token": "FLEET",
            "group_id_token_type": "Central",
        }
        self.calls = {"answered": ("completed", "result")}
        self.notices = Counter(["noticed"])
        self.meter_values = Counter()
        self.waiting = 0

    async def read(self, prefix):
        assert prefix == "CS"
        transactions = {("CS1", "T1"): self.transaction}
        return Stored(self.events, self.hashes, transactions, self.calls, self.notices, self.meter_values)

    async def outbox(self):
        return self.waiting


@pytest.fixture
def ledger():
    made = WatchedLedger()
    for seq_no, kind in enumerate(("Started", "Ended")):
        entry = made.record("CS1", payload(seq_no, kind))
        entry.message_ids.append(f"m{seq_no}")
        made.acknowledge(entry, {})
    return made


@pytest.fixture
def store():
    return FakeStore()


def whole(**changed):
    facts = {"transaction_id": "T1", "state": "Ended", "revision": 2, "energy_wh": 50.0, "id_token": "DRIVER"}
    return Transaction(**{**facts, "event_count": 2, **changed})


def sound_events():
    started = TransactionStarted(transaction=whole(state="Active", revision=1, energy_wh=0.0, event_count=1))
    notified = StationNotified(action="SecurityEventNotification", payload=orjson.dumps({"techInfo": "noticed"}))
    return [
        DomainEvent(event_id="1", station_id="CS1", transaction_started=started),
        DomainEvent(event_id="2", station_id="CS1", transaction_ended=TransactionEnded(transaction=whole())),
        DomainEvent(event_id="3", station_id="CS1", station_notified=notified),
    ]


async def check(ledger, store, api=None, told=None):
    async def read_told():
        found = DomainEvents()
        for event in sound_events() if told is None else told:
            found.take(event)
        return found

    known = Acknowledged(ledger, GROUPS, {"answered": "result"}, {"noticed"}, {"noticed", "unanswered"})
    await verify(known, store, api or FakeApi(), "CS", read_told=read_told, deadline_s=0)


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


async def test_another_energy(ledger, store):
    store.transaction["energy_wh"] = 49.0
    with pytest.raises(DrillFailed, match="another energy"):
        await check(ledger, store)


@pytest.mark.parametrize(
    "wrong",
    [
        {"group_id_token": "KEEPERS"},
        {"group_id_token": None},
        {"id_token": "KEEPER"},
        {"stop_id_token": None},
        {"id_token_type": "Local"},
    ],
)
async def test_another_token_or_group(ledger, store, wrong):
    store.transaction |= wrong
    with pytest.raises(DrillFailed, match="other tokens or another group"):
        await check(ledger, store)


@pytest.mark.parametrize("calls", [{}, {"answered": ("completed", "unknown")}])
async def test_an_answered_call_that_is_stored_otherwise(ledger, store, calls):
    store.calls = calls
    with pytest.raises(DrillFailed, match="stored otherwise"):
        await check(ledger, store)


async def test_a_call_that_stays_open(ledger, store):
    store.calls["another"] = ("open", None)
    with pytest.raises(DrillFailed, match="open still"):
        await check(ledger, store)


async def test_a_notification_that_is_not_stored(ledger, store):
    store.notices = Counter()
    with pytest.raises(DrillFailed, match="acknowledged notifications are not stored"):
        await check(ledger, store)


@pytest.mark.parametrize("notices", [{"noticed": 2}, {"noticed": 1, "invented": 1}])
async def test_a_notification_that_was_not_sent_so_often(ledger, store, notices):
    store.notices = Counter(notices)
    with pytest.raises(DrillFailed, match="stored more than once, or were never sent"):
        await check(ledger, store)


async def test_a_notification_that_was_sent_and_not_answered_may_be_there(ledger, store):
    store.notices["unanswered"] = 1
    await check(ledger, store)


@pytest.mark.parametrize(("missing", "what"), [(0, "started"), (1, "ended"), (2, "notifications were not told once")])
async def test_what_was_not_told(ledger, store, missing, what):
    told = sound_events()
    del told[missing]
    with pytest.raises(DrillFailed, match=what):
        await check(ledger, store, told=told)


async def test_a_repeat_of_an_event_is_none(ledger, store):
    await check(ledger, store, told=sound_events() * 2)


async def test_an_end_that_was_told_twice(ledger, store):
    again = sound_events()[1]
    again.event_id = "4"
    with pytest.raises(DrillFailed, match="not told once to have ended"):
        await check(ledger, store, told=[*sound_events(), again])


@pytest.mark.parametrize("wrong", [{"energy_wh": 1.0}, {"id_token": "KEEPER"}, {"state": "Active"}])
async def test_told_otherwise_than_stored(ledger, store, wrong):
    told = sound_events()
    told[1].transaction_ended.transaction.CopyFrom(whole(**wrong))
    with pytest.raises(DrillFailed, match="told otherwise"):
        await check(ledger, store, told=told)


async def test_what_nobody_can_read_is_not_compared(ledger, store):
    known = Acknowledged(ledger, GROUPS, {"answered": "result"}, {"noticed"}, {"noticed"})
    await verify(known, store, FakeApi(), "CS", deadline_s=0)


@pytest.fixture
def meter_values(ledger, store):
    """Meter values that are no events, acknowledged and stored."""
    sent = payload(7, "Updated")
    del sent["seqNo"], sent["idToken"], sent["meterValue"]
    entry = ledger.record("CS1", sent)
    entry.message_ids.append("m7")
    ledger.acknowledge(entry, {})
    store.meter_values["CS1", entry.payload_hash] = 1
    return "CS1", entry.payload_hash


@pytest.mark.usefixtures("meter_values")
async def test_meter_values_are_no_events(ledger, store):
    await check(ledger, store)


@pytest.mark.parametrize(("rows", "what"), [(0, "meter values are not stored"), (2, "stored more than once")])
async def test_meter_values_that_are_not_there_once(ledger, store, meter_values, rows, what):
    store.meter_values = +Counter({meter_values: rows})
    with pytest.raises(DrillFailed, match=what):
        await check(ledger, store)


async def test_a_breach_of_the_protocol(ledger, store):
    ledger.violations.append("CS1: frame: nonsense")
    with pytest.raises(DrillFailed, match="breaches of the protocol"):
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
    known = Acknowledged(ledger, GROUPS, notices_sent={"noticed"})
    await verify(known, store, FakeApi(), "CS", deadline_s=10)
