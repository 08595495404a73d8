"""The fleet in groups."""

from datetime import timedelta

import pytest
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.connections import refused_handshake_rows
from csms_device_mgmt.fleet import summary
from csms_device_mgmt.fleet.summary import By, Counts
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Connector, Site
from csms_runtime.clock import utcnow
from sqlalchemy import insert

ALIVE = (0, 100)


@pytest.fixture(autouse=True)
async def _fleet(units):
    """Two stations of one site, one of another, and one of none."""
    now = utcnow()
    async with units.open() as unit:
        times = {"created_at": now, "updated_at": now}
        await unit.session.execute(insert(Site), [{"site_id": name, "name": name, **times} for name in "XY"])
        for name, site, vendor in (("A1", "X", "V"), ("a2", "X", "W"), ("B1", "Y", "V"), ("C1", None, None)):
            row = station_rows.new_station(name, Registration.ACCEPTED, 1, now)
            place = {"connection_open": name != "B1", "connection_slot": 0, "connection_epoch": 100}
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


@pytest.fixture
def summarize(units):
    async def count(by):
        async with units.reading() as session:
            lately = utcnow() - timedelta(hours=1)
            return await summary.summarize(session, by, {ALIVE}, refused_since=lately)

    return count


async def test_by_site(summarize, monkeypatch):
    found = await summarize(By.SITE)
    assert found.groups == {
        "X": Counts(registered=2, connected=2, charging=2, faulted=1, refused=1),
        "Y": Counts(registered=1),
        None: Counts(registered=1, connected=1),
    }
    assert found.total == Counts(registered=4, connected=3, charging=2, faulted=1, refused=1)
    assert found.others is None
    monkeypatch.setattr(summary, "MOST_GROUPS", 1)
    found = await summarize(By.SITE)
    assert (list(found.groups), found.others, found.total.registered) == (["X"], Counts(2, 1), 4)


async def test_by_whatever_it_may_be(summarize):
    for by in By:
        found = await summarize(by)
        assert sum(group.registered for group in found.groups.values()) == 4
    assert {name: group.registered for name, group in (await summarize(By.VENDOR)).groups.items()} == {
        "V": 2,
        "W": 1,
        None: 1,
    }
