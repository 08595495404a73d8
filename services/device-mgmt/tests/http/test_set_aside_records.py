"""What this service wanted to tell others and never could: a place in the API."""

import base64

import pytest
from csms.v1.bus_pb2 import Record
from csms_bus.ports import Outgoing
from csms_bus.topics import EVENTS_DEVICES, GATEWAY_INBOX
from csms_db import outbox
from csms_device_mgmt.tables import OUTBOX

PATH = "/outboxes/device-mgmt/set-aside-records"


@pytest.fixture
def listed(api, eventually):
    async def items():
        return (await api.get(PATH)).json()["items"]

    return lambda: eventually(items)


@pytest.fixture
async def refused(listed, database):
    """A record for a partition that does not exist, with one of the same station behind it."""
    behind = Outgoing(EVENTS_DEVICES.name, Record(station_id="CS1", record_id="behind"))
    refused = Outgoing(GATEWAY_INBOX.name, Record(station_id="CS1", record_id="refused"), partition=32)
    async with database.transaction() as session:
        await outbox.add(session, OUTBOX, [refused, behind])
    return (await listed())[0]


async def test_set_aside_record_is_listed_shown_and_deleted(api, refused):
    assert (refused["topic"], refused["key"], refused["partition"]) == (GATEWAY_INBOX.name, "CS1", 32)
    assert "no partition 32" in refused["reason"]
    shown = (await api.get(f"{PATH}/{refused['id']}")).json()
    assert Record.FromString(base64.b64decode(shown["value"])).record_id == "refused"
    assert (await api.delete(f"{PATH}/{refused['id']}")).status_code == 204
    assert (await api.get(f"{PATH}/{refused['id']}")).status_code == 404
    assert (await api.delete(f"{PATH}/{refused['id']}")).status_code == 404


async def test_replayed_record_is_tried_again(api, listed, refused):
    assert (await api.post(f"{PATH}/{refused['id']}/replay")).status_code == 204
    assert (await api.post(f"{PATH}/{refused['id']}/replay")).status_code == 404
    assert [item["reason"] for item in await listed()] == [refused["reason"]]


async def test_values_are_for_administrators(refused, clients):
    reader = clients("read")
    assert (await reader.get(PATH)).status_code == 200
    assert (await reader.get(f"{PATH}/{refused['id']}")).status_code == 403
    assert (await reader.post(f"{PATH}/{refused['id']}/replay")).status_code == 403
