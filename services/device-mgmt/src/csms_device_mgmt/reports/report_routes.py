"""/stations/{id}/reports: asking for reports and showing them assembled (B07, B08)."""

from typing import Annotated, Any, Literal

from csms_runtime.http import CurrentPrincipal, Page, PageParams, require
from csms_runtime.http.fields import wrong
from csms_runtime.http.prefer import Prefer, wants_async
from fastapi import APIRouter, Response, Security
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from csms_device_mgmt.commands import call_views
from csms_device_mgmt.commands.call_rows import CallState
from csms_device_mgmt.commands.call_views import CallModel
from csms_device_mgmt.commands.execution import CallExecution, CallRequest, needed
from csms_device_mgmt.commands.request_routes import new_request_id
from csms_device_mgmt.commands.unanswered import ERRORS, unanswered
from csms_device_mgmt.parameters import StationId, TimeoutS, location
from csms_device_mgmt.reports import report_views
from csms_device_mgmt.reports.assembled_routes import ReportCursor, RequestId, entries_after, found, listed, shown
from csms_device_mgmt.reports.assembly import CLOSED, ReportStatus
from csms_device_mgmt.reports.report_views import ReportModel, ReportSummaryModel
from csms_device_mgmt.reports.series import DEVICE_MODEL
from csms_device_mgmt.unit import Units
from csms_device_mgmt.versions.version import ModelReports, Request


class ReportBody(BaseModel):
    """Which report: a base report, or one by criteria."""

    model_config = ConfigDict(extra="forbid")

    report_base: Literal["ConfigurationInventory", "FullInventory", "SummaryInventory"] | None = Field(
        None, validation_alias=AliasChoices("report_base", "reportBase")
    )
    component_criteria: list[Annotated[str, Field(max_length=50)]] | None = Field(
        None, max_length=100, validation_alias=AliasChoices("component_criteria", "componentCriteria")
    )
    component_variables: list[dict[str, Any]] | None = Field(
        None,
        max_length=10_000,
        validation_alias=AliasChoices("component_variables", "componentVariable", "componentVariables"),
    )

    @model_validator(mode="after")
    def _one_kind(self) -> "ReportBody":
        criteria = self.component_criteria is not None or self.component_variables is not None
        if (self.report_base is not None) == criteria:
            detail = "give either report_base, or component_criteria and component_variables or one of them"
            raise wrong("/report_base", detail)
        return self

    def request(self, reports: ModelReports, request_id: int) -> Request | None:
        """Return what asks for it; None: the version has no such report."""
        if self.report_base is not None:
            return reports.base(request_id, self.report_base)
        return reports.chosen(request_id, self.component_criteria, self.component_variables)


class ReportAnswer(ReportSummaryModel):
    """A report that was asked for, and the call that did it."""

    call: CallModel


def router(units: Units, calls: CallExecution) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Device model"])
    read, operate = Security(require("read")), Security(require("operate"))

    @routes.post("/stations/{station_id}/reports", dependencies=[operate], status_code=202, responses=ERRORS)
    async def request_report(  # noqa: PLR0917 FastAPI passes by name
        station_id: StationId,
        body: ReportBody,
        response: Response,
        principal: CurrentPrincipal,
        timeout_s: TimeoutS = None,
        prefer: Prefer = None,
    ) -> ReportAnswer:
        """Ask the station for a report. 202: it will come, see Location. 200: the station said that none will come."""
        version = await calls.version_of(station_id)
        reports = needed(version, version.model_reports, "reports of the device model")
        request_id = await new_request_id(units, station_id)
        action, payload = needed(version, body.request(reports, request_id), "report like that")
        request = CallRequest(station_id, action, payload, principal.name, timeout_s, request_id=request_id)
        row = await (calls.post(request) if wants_async(prefer) else calls.run(request))
        asynchronous = row.state == CallState.OPEN and wants_async(prefer)
        problem = None if asynchronous else unanswered(row, request_id=request_id)
        if problem is not None:
            raise problem
        report = await found(units, station_id, request_id, DEVICE_MODEL)
        response.headers["Location"] = location("stations", station_id, "reports", str(report.request_id))
        response.status_code = 200 if ReportStatus(report.status) in CLOSED else 202
        return ReportAnswer(**report_views.report(report).model_dump(), call=call_views.call(row))

    @routes.get("/stations/{station_id}/reports/{request_id}", dependencies=[read])
    async def get_report(station_id: StationId, request_id: RequestId, cursor: ReportCursor = None) -> ReportModel:
        """Return a report as far as it has arrived; a very large one in several answers."""
        report = await found(units, station_id, request_id, DEVICE_MODEL)
        return await shown(units, report, ReportModel, entries_after(cursor))

    @routes.get("/stations/{station_id}/reports", dependencies=[read])
    async def list_reports(station_id: StationId, page: PageParams) -> Page[ReportSummaryModel]:
        """List a station's reports, the highest request id first."""
        return await listed(units, station_id, page, DEVICE_MODEL)

    return routes
