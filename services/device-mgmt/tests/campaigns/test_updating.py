"""What templates and campaigns ask of the database, on both databases."""

from datetime import UTC, datetime, time

from csms_device_mgmt.bulk.progress import TargetStatus
from csms_device_mgmt.campaigns import updating
from csms_device_mgmt.campaigns.plan import Plan, Window
from csms_device_mgmt.configuration import template_rows
from csms_device_mgmt.configuration.wanted import Wanted
from csms_device_mgmt.connections.presence import Presence
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.variable_key import VariableKey
from csms_device_mgmt.jobs import job_rows
from csms_device_mgmt.jobs.course import JobKind, JobState
from csms_device_mgmt.stations.firmware_versions import sort_key
from csms_device_mgmt.tables import BulkTarget
from sqlalchemy import select

INTERVAL = VariableKey("OCPPCommCtrlr", "HeartbeatInterval")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def test_a_template_is_stored_found_and_compared(units, with_station, gateways):
    await with_station()
    wanted = Wanted([{"component": {"name": "C"}, "variable": {"name": "V"}, "attributeValue": "1"}], {"K": "2"})
    async with units.open() as unit:
        columns = {
            "template_id": "t",
            "description": "",
            "selection": {"ids": ["cs1"]},
            "sealed": template_rows.sealed(unit.sealer, "t", wanted),
            "on_connect": False,
            "created_at": unit.now,
            "updated_at": unit.now,
        }
        for is_applied in (False, True):
            await template_rows.put(unit.session, {**columns, "on_connect": is_applied})
        await variable_rows.store_values(unit.session, "CS1", {INTERVAL: "60"}, unit.now, 10)
    async with units.reading() as session:
        (row,) = await template_rows.of_station(session, "CS1", Presence(gateways), on_connect=True)
        assert template_rows.opened(units.sealer, row) == wanted
        assert (
            await template_rows.count(session),
            await template_rows.of_station(session, "X", Presence(gateways)),
        ) == (1, [])
        assert await template_rows.values(session, ["CS1"], [INTERVAL.path]) == {"CS1": {INTERVAL.path: "60"}}
    async with units.open() as unit:
        assert [await template_rows.remove(unit.session, "t") for _ in range(2)] == [True, False]


async def test_what_became_of_an_update(units, with_station):
    await with_station(firmware_key=sort_key("1.0"))
    plan = Plan(version="2.0", give_up_after_h=1)
    async with units.open() as unit:
        fixed = {"bulk_id": "b", "station_id": "CS1", "status": "deferred"}
        unit.session.add_all(
            [BulkTarget(**fixed, position=1, call_id="c1"), BulkTarget(**fixed, position=2, call_id="c2")]
        )
        job = await job_rows.begin(
            unit.session, "CS1", JobKind.FIRMWARE_UPDATE, 7, call_id="c1", request=None, now=unit.now
        )
        for state, version, status in (
            (JobState.ONGOING, plan.version, None),
            (JobState.FAILED, plan.version, TargetStatus.ERROR),
            (JobState.ONGOING, "1", TargetStatus.RESULT),
        ):
            job.state = state.value
            found = await updating.asked(
                unit.session, "b", plan.model_copy(update={"version": version}), after=0, limit=9, now=unit.now
            )
            assert found[0] == (1, status)
        assert (await updating.asked(unit.session, "b", plan, after=1, limit=9, now=unit.now)) == [
            (2, TargetStatus.UNKNOWN)
        ]


async def test_a_window_in_the_time_zones_of_sites(units):
    async with units.reading() as session:
        for hours, zone, begins in (((11, 13), "UTC", True), ((13, 14), "UTC", False), ((11, 13), "site", True)):
            window = Window(begins=time(hours[0]), until=time(hours[1]), time_zone=zone)
            conditions = await updating.in_window(session, Plan(version="2", window=window), NOON)
            assert (conditions is not None) is begins
            await session.scalars(select(BulkTarget).where(*(conditions or ())))
