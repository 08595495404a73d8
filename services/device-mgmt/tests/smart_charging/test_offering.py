"""A vehicle's needs and its transaction are told in either order, twice and late: it gets one schedule for them."""

import itertools

import orjson
import pytest
from csms.v1.events_pb2 import DomainEvent, Transaction, TransactionEnded, TransactionStarted
from csms_bus.records import new_record
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.smart_charging import charging_evse_rows
from csms_device_mgmt.smart_charging.station_limits import MAX_EXTERNAL
from csms_device_mgmt.smart_charging.transaction_events import TransactionEventRecords
from csms_device_mgmt.smart_charging.tx_profiles import FIRST_ID
from csms_device_mgmt.tables import ChargingEvse
from csms_ocpp.validation import all_violations_request
from csms_ocpp.versions import Protocol
from csms_runtime.clock import now_ms
from sqlalchemy import func, select

V21 = "ocpp2.1"
NEEDS = {
    "requestedEnergyTransfer": "DC",
    "controlMode": "DynamicControl",
    "v2xChargingParameters": {"maxChargePower": 9000},
}
ACCEPTED = {"status": "Accepted"}


@pytest.fixture
async def charging(apply, records, with_station):
    await with_station(charging_schedules=True)
    await apply(records.connection("a", protocol=V21))


@pytest.fixture
def needs(records):
    """A record of what a vehicle needs."""

    def make(evse_id=1, **fields):
        payload = {"evseId": evse_id, "chargingNeeds": {**NEEDS, **fields}}
        return records.call("NotifyEVChargingNeeds", payload, protocol=V21)

    return make


_revisions = itertools.count(1)


@pytest.fixture
def transaction(units, incoming, station_id, monkeypatch):
    """Tells of a transaction; returns what is sent to the station then."""

    async def tell(transaction_id="tx-1", *, state="Active", started_at_ms=None, revision=None, evse_id=1):
        whole = Transaction(
            station_id=station_id,
            transaction_id=transaction_id,
            state=state,
            revision=revision or next(_revisions),
            evse_id=evse_id,
            started_at_ms=started_at_ms or now_ms(),
            ended_at_ms=now_ms() + 1000 if state == "Ended" else 0,
        )
        kind = {"Active": TransactionStarted, "Ended": TransactionEnded}[state]
        name = {"Active": "transaction_started", "Ended": "transaction_ended"}[state]
        event = DomainEvent(event_id="e", occurred_at_ms=now_ms(), station_id=station_id)
        getattr(event, name).CopyFrom(kind(transaction=whole))
        sent = []
        open_unit = type(units).open

        def watched(self):
            return _Watched(open_unit(self), sent)

        monkeypatch.setattr(type(units), "open", watched)
        record = new_record(station_id, event=event)
        await TransactionEventRecords(units)([incoming(record, topic="events.transactions")])
        monkeypatch.setattr(type(units), "open", open_unit)
        return _profiles(sent)

    return tell


class _Watched:
    """Keeps what a unit leaves in the outbox."""

    def __init__(self, manager, sent):
        self._manager, self._sent = manager, sent

    async def __aenter__(self):
        self._unit = await self._manager.__aenter__()
        return self._unit

    async def __aexit__(self, *error):
        result = await self._manager.__aexit__(*error)
        self._sent += self._unit.outgoing
        return result


def _profiles(sent):
    commands = [item.record.station_command for item in sent if item.record.HasField("station_command")]
    found = [(command.correlation_id, orjson.loads(command.payload)) for command in commands]
    for _, payload in found:
        assert all_violations_request(Protocol.OCPP21, "SetChargingProfile", payload) == []
    return found


async def told(apply, record):
    applied = await apply(record)
    answer, *sent = applied.replies
    return orjson.loads(answer.record.reply.payload), _profiles(sent)


def transaction_of(profile):
    return profile[1]["chargingProfile"]["transactionId"]


@pytest.mark.usefixtures("charging")
async def test_the_schedule_goes_out_behind_the_answer_and_is_one_call_when_read_again(apply, needs, transaction):
    assert await transaction() == []
    record = needs()
    answer, (profile,) = await told(apply, record)
    assert (answer, transaction_of(profile)) == (ACCEPTED, "tx-1")
    assert await told(apply, record) == (ACCEPTED, [profile]), "the gateway sends it once"
    assert await transaction() == []


@pytest.mark.usefixtures("charging")
async def test_needs_wait_for_their_transaction(apply, needs, transaction):
    assert await told(apply, needs()) == (ACCEPTED, [])
    assert await transaction(evse_id=2) == []
    (profile,) = await transaction(revision=5)
    assert transaction_of(profile) == "tx-1"
    assert await transaction(revision=5) == []
    assert await transaction(revision=6) == []


@pytest.mark.usefixtures("charging")
async def test_what_was_needed_before_is_over_with_the_transaction(apply, needs, transaction):
    await transaction()
    await told(apply, needs())
    assert await transaction(state="Ended") == []
    assert await transaction("tx-2") == []
    assert transaction_of((await told(apply, needs()))[1][0]) == "tx-2"
    assert await transaction("tx-1", started_at_ms=1, revision=1) == [], "late"
    assert transaction_of((await told(apply, needs()))[1][0]) == "tx-2"


@pytest.mark.usefixtures("charging")
async def test_a_transaction_that_is_known_late_gets_the_schedule_too(apply, needs, transaction):
    """Its needs came when the one before was still the newest here."""
    began = now_ms()
    await transaction(started_at_ms=began - 60_000)
    await told(apply, needs())
    (profile,) = await transaction("tx-2", started_at_ms=began)
    assert transaction_of(profile) == "tx-2"


@pytest.mark.usefixtures("charging")
async def test_needs_that_came_long_ago_get_nothing(apply, needs, transaction):
    record = needs()
    record.station_call.received_at_ms -= 11 * 60_000
    await told(apply, record)
    assert await transaction() == []


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        (({"charging_schedules": False}, {}), "NoChargingProfile"),
        (({}, {"requestedEnergyTransfer": "DC_BPT"}), "NoChargingProfile"),
        (({"energy_transfers": ["DC"]}, {"requestedEnergyTransfer": "DC_BPT"}), "Rejected"),
        (({"energy_transfers": ["DC", "DC_BPT"]}, {"requestedEnergyTransfer": "DC_BPT"}), "Accepted"),
        (({"charging_schedules": False, "energy_transfers": ["WPT"]}, {}), "Rejected"),
        (({}, {"v2xChargingParameters": {}}), "NoChargingProfile"),
    ],
)
async def test_who_gets_a_schedule(apply, needs, with_station, wanted, status):
    columns, fields = wanted
    await with_station(**{"charging_schedules": True, **columns})
    assert (await apply(needs(**fields))).answer == {"status": status}


@pytest.mark.usefixtures("charging")
@pytest.mark.parametrize(
    "case", [(1, 2**31 - 2, 1), (1, 2**31 - 1, 0), (2**31 - 1, None, 0), (2**31 - 1 - FIRST_ID, None, 1)]
)
async def test_no_schedule_is_promised_when_no_id_is_left(apply, needs, transaction, units, case):
    evse_id, external, schedules = case
    if external is not None:
        async with units.open() as unit:
            await variable_rows.store_values(unit.session, "CS1", {MAX_EXTERNAL: str(external)}, unit.now, 100)
    await transaction(evse_id=evse_id)
    answer, profiles = await told(apply, needs(evse_id))
    assert (answer["status"], len(profiles)) == ("Accepted" if schedules else "NoChargingProfile", schedules)


@pytest.mark.usefixtures("charging")
async def test_a_station_has_so_many_evses(apply, needs, units, station_id):
    for evse_id in range(1, charging_evse_rows.MOST + 3):
        await apply(needs(evse_id))
    async with units.reading() as session:
        of_station = ChargingEvse.station_id == station_id
        assert await session.scalar(select(func.count()).where(of_station)) == charging_evse_rows.MOST
