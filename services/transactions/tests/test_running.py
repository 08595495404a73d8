"""How many transactions run, and how much energy became known, as the metrics tell it."""

from typing import Any

import orjson
import pytest
from csms.v1.station_pb2 import StationCall
from csms_transactions.batch import Batch
from csms_transactions.events.cache import TransactionCache
from csms_transactions.events.writer import BatchWriter
from csms_transactions.handlers import transaction_event as handler
from csms_transactions.store import running
from csms_transactions.versions.v201 import messages
from prometheus_client import REGISTRY


def energy() -> float:
    return REGISTRY.get_sample_value("csms_transaction_energy_watt_hours_total") or 0.0


@pytest.fixture(name="tell")
def tell_fixture(database):
    writer = BatchWriter(
        database, TransactionCache(), on_events=lambda: None, on_doubts=lambda: None, most_meter_values=8 * 1024 * 1024
    )

    async def tell(*payloads: dict[str, Any]) -> None:
        found = Batch()
        for payload in payloads:
            call = StationCall(protocol="ocpp2.0.1", payload=orjson.dumps(payload))
            handler.read(found, "CS1", call, messages.event_message(call.payload))
        await writer.write(found)

    return tell


async def test_running_transactions_are_counted_by_charging_state(database, tell, transaction_event) -> None:
    for number, state in enumerate(("Charging", "Charging", "SuspendedEV", None)):
        info = {} if state is None else {"chargingState": state}
        await tell(transaction_event(0, "Started", f"tx-{number}", info=info))
    await tell(transaction_event(0, "Started", "tx-ended"), transaction_event(1, "Ended", "tx-ended"))
    assert await running.count(database, rows=1) == {"Charging": 2, "SuspendedEV": 1, "None": 1}
    assert await running.counting(database, 3600).turn()
    told = {
        state: REGISTRY.get_sample_value("csms_transactions_running", {"charging_state": state})
        for state in ("Charging", "EVConnected", "None")
    }
    assert told == {"Charging": 2, "EVConnected": 0, "None": 1}


async def test_energy_counts_once(tell, transaction_event) -> None:
    before = energy()
    await tell(transaction_event(0, "Started", energy=1000.0))
    await tell(transaction_event(1, energy=1600.0))
    assert energy() - before == 600
    await tell(transaction_event(1, energy=1600.0))
    assert energy() - before == 600
    await tell(transaction_event(2, "Ended", energy=2000.0))
    assert energy() - before == 1000
