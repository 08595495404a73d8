"""GET /fleet/summary."""

from datetime import timedelta

import pytest
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.connections import refused_handshake_rows
from csms_device_mgmt.fleet import summary
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Connector, Site
from csms_runtime.clock import utcnow
from csms_testing.databases import database_fixture
from sqlalchemy import insert

database = database_fixture("csms_device_mgmt", schema="devices")
NOTHING = {"registered": 0, "connected": 0, "charging": 0, "faulted": 0, "refused": 0}


@pytest.fixture(autouse=True)
async def _fleet(units, gateway):
    """Two stations of one site, one of another, and one of none."""
    now = utcnow()
    async with units.open() as unit:
        times = {"created_at": now, "updated_at": now}
        await unit.session.execute(insert(Site), [{"site_id": name, "name": name, **times} for name in "XY"])
        for name, site, vendor in (("A1", "X", "V"), ("a2", "X", "W"), ("B1", "Y", "V"), ("C1", None, None)):
            row = station_rows.new_station(name, Registration.ACCEPTED, 1, now)
            place = {"connection_open": name != "B1", "connection_slot": 0, "connection_epoch": gateway.epoch}
            await station_rows.create(unit.session, {**row, **place, "site_id": site, "vendor_name": vendor})
        for name, connector_id, status in (
            ("A1", 0, "Faulted"),
            ("A1", 1, "Faulted"),
            ("A1", 2, "Occupied"),
            ("a2", 1, "Occupied"),
            ("B1", 1, "Available"),
        ):
            place = {"station_id": name, "evse_id": 1, "connector_id": connector_id}
            await unit.session.execute(
                insert(Connector).values(**place, status=status, reported_at=now, received_at=now)
            )
        for name, kind, hours in (("A2", "auth", 0), ("a2", "tls", 0), ("B1", "auth", 2)):
            row = {"station_id": name, "remote_address": "192.0.2.1", "kind": kind, "known": True, "http_status": 401}
            at = now - timedelta(hours=hours)
            told = {"reason": "", "security_event": "", "told": 1, "first_at": at, "last_at": at}
            await refused_handshake_rows.add(unit.session, [row | told])


async def counted(api, by):
    answer = (await api.get("/fleet/summary", params={"by": by})).raise_for_status().json()
    groups = {}
    for item in answer["items"]:
        assert item["id"] == ("*" if item["is_rest"] else item["value"] or "")
        groups[item["id"]] = {name: item[name] for name in NOTHING}
    return answer["total"], groups


async def test_by_site(api):
    total, groups = await counted(api, "site")
    assert groups == {
        "X": {"registered": 2, "connected": 2, "charging": 2, "faulted": 1, "refused": 1},
        "Y": {**NOTHING, "registered": 1},
        "": {**NOTHING, "registered": 1, "connected": 1},
    }
    assert total == {"registered": 4, "connected": 3, "charging": 2, "faulted": 1, "refused": 1}


async def test_by_whatever_it_may_be(api):
    for by in summary.By:
        total, groups = await counted(api, by.value)
        assert total["registered"] == sum(group["registered"] for group in groups.values()) == 4
    _, groups = await counted(api, "vendor")
    assert {name: group["registered"] for name, group in groups.items()} == {"V": 2, "W": 1, "": 1}
    assert (await api.get("/fleet/summary", params={"by": "colour"})).status_code == 422


async def test_small_groups_are_one(api, monkeypatch):
    monkeypatch.setattr(summary, "MOST_GROUPS", 1)
    total, groups = await counted(api, "site")
    assert groups["*"] == {**NOTHING, "registered": 2, "connected": 1}
    assert (total["registered"], list(groups)) == (4, ["X", "*"])


async def test_what_takes_too_long_is_no_answer(api, monkeypatch):
    monkeypatch.setattr("csms_device_mgmt.fleet.summary_routes.DEADLINE_S", 0)
    assert (await api.get("/fleet/summary")).status_code == 503
