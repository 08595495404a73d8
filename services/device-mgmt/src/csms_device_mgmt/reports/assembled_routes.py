"""Reports of every kind as the API shows them: the device model's and the others (K09, N02, N09, O03)."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, TypeVar

from csms_db.bounded import fitting
from csms_runtime.http import Page, PageParams, Problem, paginate, require
from csms_runtime.http.pages import MAX_PAGE_BYTES, PageRequest, decode_cursor, encode_cursor
from fastapi import APIRouter, Path, Query, Security

from csms_device_mgmt.commands import request_routes
from csms_device_mgmt.commands.execution import CallExecution
from csms_device_mgmt.parameters import StationId, existing, number_position
from csms_device_mgmt.reports import report_rows, report_views
from csms_device_mgmt.reports.assembly import ReportStatus, after_part, assemble
from csms_device_mgmt.reports.report_views import CustomerInformationModel, ReportModel, ReportSummaryModel
from csms_device_mgmt.reports.series import (
    CHARGING_PROFILES,
    CUSTOMER_INFORMATION,
    DER_CONTROLS,
    DISPLAY_MESSAGES,
    MONITORS,
    Series,
)
from csms_device_mgmt.tables import Report
from csms_device_mgmt.unit import Units
from csms_device_mgmt.versions.version import DeviceVersion, Request

RequestId = Annotated[int, Path(ge=-(2**63), lt=2**63)]

ReportCursor = Annotated[
    str | None, Query(alias="cursor", max_length=1000, description="next_cursor of the answer before")
]
PARTS_SHOWN = 10_000
"""In one answer, if they are that small."""

Model = TypeVar("Model", bound=ReportModel)


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a kind of report is found."""

    path: str
    one: str
    """What one of them is called in operation ids."""
    series: Series
    title: str
    model: type[ReportModel] = ReportModel


RESOURCES = (
    Resource("charging-profile-reports", "charging_profile_report", CHARGING_PROFILES, "charging profiles (K09)"),
    Resource(
        "customer-information",
        "customer_information_report",
        CUSTOMER_INFORMATION,
        "a customer (N09, N10)",
        CustomerInformationModel,
    ),
    Resource("der-control-reports", "der_control_report", DER_CONTROLS, "DER controls (R04, OCPP 2.1)"),
    Resource("display-message-reports", "display_message_report", DISPLAY_MESSAGES, "display messages (O03, O04)"),
    Resource("monitoring-reports", "monitoring_report", MONITORS, "monitors (N02)"),
)


def router(units: Units, calls: CallExecution) -> APIRouter:
    """Return the routes of all resources."""
    routes = APIRouter(tags=["Reports"])
    for resource in RESOURCES:
        _add(routes, units, resource)
        request_routes.add(
            routes,
            units,
            calls,
            path=resource.path,
            one=resource.one,
            choose=partial(_asking, resource.series),
        )
    return routes


def _asking(series: Series, version: DeviceVersion, wanted: dict[str, Any]) -> Request | None:
    return version.report_request(series, wanted)


def _add(routes: APIRouter, units: Units, resource: Resource) -> None:
    read = [Security(require("read"))]
    collection = f"/stations/{{station_id}}/{resource.path}"

    async def show(station_id: StationId, request_id: RequestId, cursor: ReportCursor = None) -> ReportModel:
        row = await found(units, station_id, request_id, resource.series)
        return await shown(units, row, resource.model, entries_after(cursor))

    async def list_all(station_id: StationId, page: PageParams) -> Page[ReportSummaryModel]:
        return await listed(units, station_id, page, resource.series)

    routes.add_api_route(
        f"{collection}/{{request_id}}",
        show,
        response_model=resource.model,
        dependencies=read,
        name=f"get_{resource.one}",
        description=f"Return what the station reported of {resource.title}, as far as it has arrived.",
    )
    routes.add_api_route(
        collection,
        list_all,
        response_model=Page[ReportSummaryModel],
        dependencies=read,
        name=f"list_{resource.one}s",
        description=f"List a station's reports of {resource.title}, the highest request id first, without entries.",
    )


async def found(units: Units, station_id: str, request_id: int, series: Series) -> Report:
    """Return a report's row. Raises Problem 404."""
    async with units.reading() as session:
        row = await report_rows.find(session, station_id, request_id, message=series.message)
    if row is None:
        raise Problem(404, "Unknown report", "there is no such report")
    return row


async def shown(units: Units, row: Report, model: type[Model], page: PageRequest) -> Model:
    """Show a report with its entries; parts that arrived since the row was read count, too.

    Entries of so many parts are shown as fit into an answer. Raises Problem 422 for a bad cursor.
    """
    after = number_position(page)
    async with units.reading() as session:
        numbers = await report_rows.part_numbers(session, row)
        sizes = await report_rows.part_sizes(session, row, after, PARTS_SHOWN + 1)
        count = fitting((size for _, size in sizes[:PARTS_SHOWN]), MAX_PAGE_BYTES)
        chosen = [seq_no for seq_no, _ in sizes[:count]]
        entries = await report_rows.entries(session, row, chosen)
        # Read after the parts, so that it is no older than they are.
        row = await report_rows.find(session, row.station_id, row.request_id, message=row.message) or row
    assembly = assemble(numbers)
    fields = report_views.report(row).model_dump()
    if numbers or row.status == ReportStatus.COMPLETE:  # its parts may have given way to newer history
        fields |= {"status": after_part(assembly).value, "complete": assembly.complete}
    return model(
        **fields,
        parts=assembly.parts,
        parts_expected=assembly.expected,
        missing=list(assembly.missing),
        entries=entries,
        next_cursor=encode_cursor([chosen[-1]]) if len(sizes) > count else None,
    )


def entries_after(cursor: str | None) -> PageRequest:
    """Return which entries of a report are wanted. Raises Problem 422 for a bad cursor."""
    return PageRequest(PARTS_SHOWN, None if cursor is None else decode_cursor(cursor))


async def listed(units: Units, station_id: str, page: PageParams, series: Series) -> Page[ReportSummaryModel]:
    """List a station's reports of a kind. Raises Problem 404, 422 for a bad cursor."""
    before = number_position(page)
    async with units.reading() as session:
        await existing(session, station_id)
        rows = await report_rows.page(session, station_id, limit=page.limit + 1, before=before, message=series.message)
    return paginate(rows, page.limit, position=lambda row: [row.request_id], item=report_views.report)
