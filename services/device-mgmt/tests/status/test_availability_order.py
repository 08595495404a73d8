"""What others are told of orders to be used, or not to be used any more (G03, G04)."""

from typing import Any

import pytest
from csms_device_mgmt.versions.v16 import V16
from csms_device_mgmt.versions.v21 import V21
from csms_device_mgmt.versions.v201 import V201

OUT = {"operationalStatus": "Inoperative", "evse": {"id": 2, "connectorId": 1}}


def ordered(applied: Any) -> list[Any]:
    return [event.availability_ordered for event in applied.events if event.HasField("availability_ordered")]


@pytest.mark.parametrize("status", ["Accepted", "Scheduled"])
async def test_what_the_station_agreed_to_is_told(apply, records, status):
    await apply(records.boot())
    result = records.result("ChangeAvailability", OUT, {"status": status})
    (told,) = ordered(await apply(result))
    assert (told.call_id, told.evse_id, told.connector_id, told.operative, told.status, told.with_parts) == (
        "call-1",
        2,
        1,
        False,
        status,
        False,
    )


async def test_what_it_refused_is_not_told(apply, records):
    await apply(records.boot())
    assert ordered(await apply(records.result("ChangeAvailability", OUT, {"status": "Rejected"}))) == []


@pytest.mark.parametrize("version", [V201, V21], ids=["2.0.1", "2.1"])
def test_without_an_evse_the_station_is_meant(version):
    read = version.availability_orders["ChangeAvailability"]
    assert read({"operationalStatus": "Operative"}) == (True, 0, 0, False)
    assert read({"operationalStatus": "Operative", "evse": {"id": 3}}) == (True, 3, 0, False)


def test_in_1_6_connector_0_is_the_station_with_all_connectors():
    read = V16.availability_orders["ChangeAvailability"]
    assert read({"connectorId": 0, "type": "Operative"}) == (True, 0, 0, True)
    assert read({"connectorId": 2, "type": "Inoperative"}) == (False, 2, 0, False)
