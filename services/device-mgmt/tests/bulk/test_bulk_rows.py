from datetime import timedelta

import pytest
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.bulk import bulk_rows, selection
from csms_device_mgmt.bulk.selection import Selection
from csms_device_mgmt.bulk.working import Work
from csms_device_mgmt.connections.presence import Presence
from csms_device_mgmt.stations import station_labels, station_rows
from csms_device_mgmt.tables import BulkJob, BulkTarget
from csms_runtime.sealing import CannotOpen, Sealer
from csms_runtime.secret_keys import SecretKeys
from sqlalchemy import func, select

KEYS = SecretKeys(b"a key for tests only, long enough")
RESET = {"type": "OnIdle"}


def job(now, ids, **columns):
    fixed = {
        "bulk_id": "b1",
        "action": "Reset",
        "request": RESET,
        "sealed": bulk_rows.sealed(Sealer(KEYS), "b1", RESET),
        "selection": Selection(ids=ids).stored(),
        "total": 0,
        "is_selected": False,
        "rate_per_s": 5000.0,
        "requested_by": "test",
        "state": "running",
        "counts": {},
        "created_at": now,
    }
    return BulkJob(**{**fixed, **columns})


@pytest.fixture
async def three(units):
    """A job for three stations, of which none is known."""
    async with units.open() as unit:
        unit.session.add(job(unit.now, ["A", "B", "C"]))


@pytest.mark.usefixtures("three")
async def test_only_one_process_has_a_job(units):
    async with units.open() as unit:
        assert await bulk_rows.claim(unit.session, "first", unit.now, 5) == ["b1"]
        assert await bulk_rows.claim(unit.session, "second", unit.now, 5) == []
        assert not await bulk_rows.is_any_free(unit.session, unit.now)
    async with units.open() as unit:
        later = unit.now + bulk_rows.LEASE + timedelta(seconds=1)
        assert await bulk_rows.claim(unit.session, "second", later, 5) == ["b1"]
        assert await bulk_rows.held(unit.session, "b1", "first", later) is None
        assert await bulk_rows.held(unit.session, "b1", "second", later) is not None


@pytest.mark.usefixtures("three")
async def test_who_lost_a_job_does_nothing_more(units, gateways):
    """Its lease ran out while it was held up; another one has selected and commanded meanwhile."""
    async with units.open() as unit:
        await bulk_rows.claim(unit.session, "second", unit.now, 5)
    work = Work(units, None, None, Presence(gateways), Sealer(KEYS), {}, "b1", "first")
    assert await work.turn() is None
    async with units.reading() as session:
        assert await session.scalar(select(func.count()).select_from(BulkTarget)) == 0


@pytest.mark.usefixtures("three")
async def test_selected_slice_by_slice_also_when_another_goes_on(units, gateways, monkeypatch):
    monkeypatch.setattr(selection, "SLICE", 2)
    async with units.open() as unit:
        await bulk_rows.claim(unit.session, "first", unit.now, 5)
    for _ in range(2):
        work = Work(units, None, None, Presence(gateways), Sealer(KEYS), {}, "b1", "first")
        assert await work.turn() == 0
    async with units.open() as unit:
        row = await bulk_rows.lock(unit.session, "b1")
        assert (row.total, row.is_selected) == (3, True)
        assert [each.station_id for each in await bulk_rows.waiting(unit.session, "b1", 10)] == ["A", "B", "C"]


async def test_a_filter_selects_known_stations(units, gateways, monkeypatch):
    monkeypatch.setattr(selection, "SLICE", 2)
    async with units.open() as unit:
        for number in range(5):
            row = station_rows.new_station(f"CS{number}", Registration.ACCEPTED, 1, unit.now)
            await station_rows.create(unit.session, {**row, "registration": "Accepted" if number else "Rejected"})
    found, after = [], None
    wanted = Selection.model_validate({"filter": {"registration": "Accepted"}})
    async with units.reading() as session:
        assert await selection.count(session, wanted, Presence(gateways), most=2) == 3
        while True:
            ids, after = await selection.following(session, wanted, Presence(gateways), after)
            found += ids
            if after is None:
                break
        monkeypatch.setattr(selection, "SLICE", 10)
        both = Selection.model_validate({"ids": ["cs0", "cs1", "nobody"], "filter": {"registration": "Accepted"}})
        assert await selection.following(session, both, Presence(gateways), None) == (["CS1"], None)
        named = Selection.model_validate({"ids": ["cs0", "CS0", "nobody"]})
        again = Selection.model_validate(named.stored())
        assert await selection.following(session, again, Presence(gateways), None) == (["CS0", "nobody"], None)
    assert found == ["CS1", "CS2", "CS3", "CS4"]


def test_a_payload_is_sealed_for_its_job_alone():
    row = job(None, ["A"])
    assert bulk_rows.opened(Sealer(KEYS), row) == RESET
    row.bulk_id = "b2"
    with pytest.raises(CannotOpen):
        bulk_rows.opened(Sealer(KEYS), row)


async def test_site_and_labels_and_a_filter_must_all_hold(units, gateways):
    async with units.open() as unit:
        for number in range(3):
            row = station_rows.new_station(f"CS{number}", Registration.ACCEPTED, 1, unit.now)
            await station_rows.create(unit.session, {**row, "site_id": "north" if number else "south"})
            await station_labels.replace(unit.session, f"CS{number}", {"line": str(number % 2)})
    async with units.reading() as session:
        for asked, found in (
            ({"site_id": "north"}, ["CS1", "CS2"]),
            ({"labels": {"line": "0"}}, ["CS0", "CS2"]),
            ({"site_id": "north", "labels": {"line": "0"}}, ["CS2"]),
            ({"filter": {"label": ["line:1"]}}, ["CS1"]),
            ({"site_id": "north", "filter": {"connected": True}}, []),
            ({"ids": ["CS0", "CS1"], "site_id": "north"}, ["CS1"]),
        ):
            wanted = Selection.model_validate(asked)
            assert await selection.following(session, wanted, Presence(gateways), None) == (found, None)
            again = Selection.model_validate(wanted.stored())
            assert (again.wanted, again.ids) == (wanted.wanted, wanted.ids)
