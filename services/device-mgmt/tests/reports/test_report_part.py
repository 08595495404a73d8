"""Reports other than those of the device model, part by part."""

import pytest
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.reports.series import (
    BY_ACTION,
    CHARGING_PROFILES,
    CUSTOMER_INFORMATION,
    DISPLAY_MESSAGES,
    MONITORS,
)


@pytest.fixture
def report(units, station_id):
    async def read(series, request_id=1):
        async with units.reading() as session:
            row = await report_rows.find(session, station_id, request_id, message=series.message)
            if row is None:
                return None
            numbers = [seq_no for seq_no, _ in await report_rows.part_numbers(session, row)]
            return row.status, await report_rows.entries(session, row, numbers)

    return read


def customer(records, seq_no, data, **more):
    part = {"requestId": 1, "seqNo": seq_no, "generatedAt": "2026-01-01T00:00:00Z", "data": data}
    return records.call("NotifyCustomerInformation", {**part, **more})


async def test_text_in_pieces(apply, records, report):
    applied = await apply(customer(records, 1, "b"))
    assert (applied.answer, applied.event_kinds) == ({}, ["station_notified"])
    assert await report(CUSTOMER_INFORMATION) == ("receiving", ["b"])
    for _ in range(2):
        await apply(customer(records, 0, "a", tbc=True))
    assert await report(CUSTOMER_INFORMATION) == ("complete", ["a", "b"])


async def test_parts_without_numbers(apply, records, report):
    first = {"requestId": 1, "tbc": True, "messageInfo": [{"id": 1}]}
    for part in (first, first, {"requestId": 1, "messageInfo": [{"id": 2}]}):
        await apply(records.call("NotifyDisplayMessages", part))
    assert await report(DISPLAY_MESSAGES) == ("complete", [{"id": 1}, {"id": 2}])


async def test_no_messages_at_all(apply, records, report):
    await apply(records.call("NotifyDisplayMessages", {"requestId": 1}))
    assert await report(DISPLAY_MESSAGES) == ("complete", [])


async def test_profiles_say_where_they_are(apply, records, report):
    for evse_id, tbc in ((0, True), (1, False)):
        part = {"requestId": 1, "evseId": evse_id, "chargingLimitSource": "EMS", "tbc": tbc}
        await apply(records.call("ReportChargingProfiles", {**part, "chargingProfile": [{"id": 1}, {"id": 2}]}))
    status, entries = await report(CHARGING_PROFILES)
    assert status == "complete"
    assert [(entry["evseId"], entry["chargingProfile"]["id"]) for entry in entries] == [(0, 1), (0, 2), (1, 1), (1, 2)]


async def test_kinds_of_one_request_id_are_kept_apart(apply, records, report):
    await apply(customer(records, 0, "a"))
    monitors = {"requestId": 1, "seqNo": 0, "tbc": True, "generatedAt": "2026-01-01T00:00:00Z"}
    await apply(records.call("NotifyMonitoringReport", monitors))
    assert await report(CUSTOMER_INFORMATION) == ("complete", ["a"])
    assert await report(MONITORS) == ("receiving", [])


@pytest.mark.parametrize(
    ("action", "response", "status"),
    [
        ("GetMonitoringReport", "Accepted", "accepted"),
        ("GetMonitoringReport", "EmptyResultSet", "empty"),
        ("CustomerInformation", "Invalid", "rejected"),
        ("GetDisplayMessages", "Unknown", "empty"),
        ("GetChargingProfiles", "NoProfiles", "empty"),
        ("GetChargingProfiles", None, "failed"),
    ],
)
async def test_the_answer(apply, records, units, station_id, report, action, response, status):  # noqa: PLR0917 fixtures
    series = BY_ACTION[action]
    async with units.open() as unit:
        await report_rows.begin(
            unit.session, station_id, 1, message=series.message, kind=action, call_id="call-1", now=unit.now
        )
    await apply(records.result(action, {"requestId": 1}, {"status": response} if response else {"other": 1}))
    assert await report(series) == (status, [])


async def test_parts_in_any_order_and_twice_are_complete_when_none_is_missing(apply, records, report):
    """In steps of fewer parts than there are, so that gaps lie everywhere."""
    numbers = [3, 0, 1, 7, 5, 6, 1, 4, 3]
    for seq_no in numbers:
        await apply(customer(records, seq_no, str(seq_no), tbc=seq_no != 7))
        assert (await report(CUSTOMER_INFORMATION))[0] == "receiving"
    await apply(customer(records, 2, "2", tbc=True))
    assert await report(CUSTOMER_INFORMATION) == ("complete", list("01234567"))


async def test_more_parts_after_the_last_one(apply, records, report):
    await apply(customer(records, 0, "a"))
    await apply(customer(records, 2, "c"))
    assert (await report(CUSTOMER_INFORMATION))[0] == "receiving"
    await apply(customer(records, 1, "b", tbc=True))
    assert (await report(CUSTOMER_INFORMATION))[0] == "complete"
    await apply(customer(records, 2, "c", tbc=True))
    assert (await report(CUSTOMER_INFORMATION))[0] == "receiving"


async def test_a_report_of_very_many_parts_costs_no_more_for_each(apply, records, units, station_id, monkeypatch):
    """Each statement of a part finds its rows by an index: none reads the parts that are there."""
    monkeypatch.setattr(report_rows, "_STEP_PARTS", 3)
    for seq_no in range(20):
        await apply(customer(records, seq_no, "x", tbc=True))
    async with units.reading() as session:
        row = await report_rows.find(session, station_id, 1, message=CUSTOMER_INFORMATION.message)
        assert (row.parts_in_row, row.last_seq_no, row.entry_count) == (20, None, 20)
    read = []
    steps = report_rows.AsyncSession.scalars

    async def counted(session, statement, *arguments, **options):
        found = (await steps(session, statement, *arguments, **options)).all()
        read.append(len(found))
        return Found(found)

    monkeypatch.setattr(report_rows.AsyncSession, "scalars", counted)
    await apply(customer(records, 20, "x", tbc=True))
    assert sum(read) <= 1


class Found(list):
    def all(self):
        return self
