import pytest
from csms_device_mgmt.boot import onboarding
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.beginnings import begin
from csms_device_mgmt.commands.command import Command
from csms_device_mgmt.commands.new_call import new_call
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.variable_key import VariableKey
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.status import connector_rows


def entry(name, value=None, **attribute):
    found = {**({} if value is None else {"value": value}), **attribute}
    return {"component": {"name": "C"}, "variable": {"name": name}, "variableAttribute": [found]}


@pytest.fixture
def report(units, station_id):
    async def read(request_id=1):
        async with units.reading() as session:
            row = await report_rows.find(session, station_id, request_id)
            numbers = [seq_no for seq_no, _ in await report_rows.part_numbers(session, row)] if row else []
            return row, await report_rows.entries(session, row, numbers) if row else []

    return read


async def test_parts_make_a_report(apply, records, report):
    first = await apply(records.report_part(0, tbc=True, data=[entry("A", "1")]))
    row, _ = await report()
    assert (first.answer, first.events, row.status) == ({}, [], "receiving")
    last = await apply(records.report_part(1, tbc=False, data=[entry("B", "2")]))
    row, entries = await report()
    assert row.status == "complete"
    assert row.completed_at is not None
    assert [item["variable"]["name"] for item in entries] == ["A", "B"]
    (event,) = last.events
    assert (event.report_completed.request_id, event.report_completed.entries) == (1, 2)


async def test_absent_tbc_is_the_end(apply, records, report):
    await apply(records.report_part(0, tbc=None, data=[entry("A", "1")]))
    assert (await report())[0].status == "complete"


async def test_a_part_without_data_counts(apply, records, report):
    await apply(records.report_part(0, tbc=False))
    row, entries = await report()
    assert (row.status, entries) == ("complete", [])


async def test_order_does_not_matter(apply, records, report):
    await apply(records.report_part(1, tbc=False, data=[entry("B", "2")]))
    assert (await report())[0].status == "receiving"
    await apply(records.report_part(0, tbc=True, data=[entry("A", "1")]))
    row, entries = await report()
    assert row.status == "complete"
    assert [item["variable"]["name"] for item in entries] == ["A", "B"]


async def test_repeated_parts_change_nothing(apply, records, report):
    parts = [records.report_part(0, tbc=True, data=[entry("A", "1")]), records.report_part(1, tbc=False)]
    for part in parts:
        await apply(part)
    for part in parts:
        assert (await apply(part)).events == []
    row, entries = await report()
    assert (row.status, len(entries)) == ("complete", 1)


async def test_a_part_that_comes_again_is_compared_as_it_is_stored(apply, records, monkeypatch):
    """To read it took 20 MiB for a part of 4 MiB, and held the event loop."""
    seen = []

    async def note(*_args, repeated, **_more):
        seen.append(repeated)

    def read(*_args):
        raise AssertionError("the stored part was read")

    monkeypatch.setattr(onboarding, "part_arrived", note)
    monkeypatch.setattr(report_rows, "entries", read)
    long = [entry("A", "x" * 2000)]
    for data in (long, long, [entry("A", "2")], [entry("A", "2")], long):
        await apply(records.report_part(0, tbc=True, data=data))
    assert seen == [False, False, True, False, True]


async def test_reports_are_kept_apart(apply, records, report):
    await apply(records.report_part(0, tbc=False, request_id=1, data=[entry("A", "1")]))
    await apply(records.report_part(0, tbc=True, request_id=2, data=[entry("B", "1")]))
    assert (await report(1))[0].status == "complete"
    assert (await report(2))[0].status == "receiving"


async def test_entries_go_into_the_device_model(apply, records, units, station_id):
    data = [entry("A", "1", mutability="ReadOnly", persistent=True), entry("W", mutability="WriteOnly")]
    await apply(records.report_part(0, tbc=False, data=data))
    async with units.reading() as session:
        rows = await variable_rows.page(session, station_id, limit=10, after=None)
    assert [(row.variable_name, row.value, row.mutability) for row in rows] == [
        ("A", "1", "ReadOnly"),
        ("W", None, "WriteOnly"),
    ]
    assert rows[0].persistent is True


async def test_a_value_that_a_report_leaves_out_stays(apply, records, units, station_id):
    key = VariableKey("C", "A")
    async with units.open() as unit:
        await variable_rows.store_values(unit.session, station_id, {key: "kept"}, unit.now, 100)
    await apply(records.report_part(0, tbc=False, data=[entry("A")]))
    async with units.reading() as session:
        assert await variable_rows.values(session, station_id, [key]) == {key.path: "kept"}


async def test_one_variable_twice_in_a_part(apply, records, units, station_id):
    await apply(records.report_part(0, tbc=False, data=[entry("A", "1"), entry("A", "2")]))
    async with units.reading() as session:
        (row,) = await variable_rows.page(session, station_id, limit=10, after=None)
    assert row.value == "2"


async def test_a_large_part(apply, records, units, station_id):
    await apply(records.report_part(0, tbc=False, data=[entry(f"V{number:05}", "1") for number in range(1200)]))
    async with units.reading() as session:
        assert len(await variable_rows.page(session, station_id, limit=2000, after=None)) == 1200


async def test_secrets_that_a_station_reports_are_not_kept(apply, records, report, units, station_id):
    secret = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "variableAttribute": [{"value": "do-not-keep-this"}],
    }
    await apply(records.report_part(0, tbc=False, data=[secret]))
    _, entries = await report()
    async with units.reading() as session:
        (row,) = await variable_rows.page(session, station_id, limit=10, after=None)
    assert "do-not-keep-this" not in str(entries) + str(row.value)


@pytest.fixture
def inventory(apply, records, units, station_id):
    """Asks for an inventory and reports it."""

    async def do(request_id, *parts, base="FullInventory"):
        async with units.open() as unit:
            command = Command(
                f"call-{request_id}",
                station_id,
                "ocpp2.0.1",
                "GetBaseReport",
                {"requestId": request_id, "reportBase": base},
                1.0,
            )
            await call_rows.add(unit.session, await new_call(unit, command, None, requested_by="test"))
            await begin(unit, command)
        for number, data in enumerate(parts):
            await apply(records.report_part(number, tbc=number + 1 < len(parts), request_id=request_id, data=data))

    return do


@pytest.fixture
def names(units, station_id):
    async def read():
        async with units.reading() as session:
            return [row.variable_name for row in await variable_rows.page(session, station_id, limit=100, after=None)]

    return read


async def test_a_full_inventory_removes_what_is_gone(inventory, names):
    await inventory(1, [entry("Old", "1")], [entry("Kept", "1")])
    await inventory(2, [entry("Kept", "1")], [entry("New", "1")])
    assert await names() == ["Kept", "New"]


async def test_parts_of_one_number_remove_nothing_that_was_told(apply, records, inventory, names):
    await inventory(1, [entry("A", "1")], [entry("B", "1")])
    await inventory(2)
    for name, tbc in (("A", True), ("B", True), ("C", False)):
        await apply(records.report_part(0, tbc=tbc, request_id=2, data=[entry(name, "1")]))
    assert await names() == ["A", "B", "C"]


@pytest.mark.parametrize("base", ["ConfigurationInventory", "SummaryInventory"])
async def test_another_report_removes_nothing(inventory, names, base):
    await inventory(1, [entry("Old", "1")])
    await inventory(2, [entry("New", "1")], base=base)
    assert await names() == ["New", "Old"]


async def test_an_incomplete_one_removes_nothing(apply, records, inventory, names):
    await inventory(1, [entry("Old", "1")])
    await inventory(2)
    await apply(records.report_part(1, tbc=False, request_id=2, data=[entry("New", "1")]))
    assert await names() == ["New", "Old"]


async def test_connectors_that_are_gone_go_with_it(apply, records, inventory, units, station_id):
    for place in ((1, 1), (1, 2), (2, 1)):
        await apply(records.status("Available", evse_id=place[0], connector_id=place[1]))
    connector = {
        "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
        "variable": {"name": "AvailabilityState"},
        "variableAttribute": [{"value": "Available"}],
    }
    await inventory(1, [connector])
    async with units.reading() as session:
        rows = (await connector_rows.of_stations(session, [station_id]))[station_id]
    assert [(row.evse_id, row.connector_id) for row in rows] == [(1, 1)]
