"""What the API shows of reports."""

from datetime import datetime
from typing import Annotated, Any

from csms_runtime.http.fields import one_of
from pydantic import BaseModel, Field, computed_field

from csms_device_mgmt.reports.assembly import ReportStatus
from csms_device_mgmt.tables import Report


class ReportSummaryModel(BaseModel):
    """A report without its entries."""

    id: str
    station_id: str
    request_id: int
    kind: str | None = Field(description="The action that asked for it; null: it came unasked")
    call_id: str | None
    status: Annotated[str, one_of(*ReportStatus)]
    complete: bool
    generated_at: datetime | None
    created_at: datetime
    completed_at: datetime | None


class ReportModel(ReportSummaryModel):
    """A report as far as it has arrived."""

    parts: int = Field(description="How many messages of it arrived")
    parts_expected: int | None = Field(description="Known when the last one arrived")
    missing: list[int] = Field(description="seqNo of parts that did not arrive, the first hundred")
    entries: list[Any] = Field(
        description="In order of seqNo: OCPP's ReportDataType, MonitoringDataType or MessageInfoType objects; "
        "objects of evseId, chargingLimitSource and chargingProfile; or the pieces of a text"
    )
    next_cursor: str | None = Field(
        description="Pass it as `cursor` to get the entries that follow; null: these are the last ones there are"
    )


class CustomerInformationModel(ReportModel):
    """What a station knows of a customer, as far as it has arrived."""

    @computed_field(description="The text: all pieces there are, in order")  # type: ignore[prop-decorator]
    @property
    def data(self) -> str:
        """The pieces put together."""
        return "".join(self.entries)


def report(row: Report) -> ReportSummaryModel:
    """Show a report without its entries."""
    return ReportSummaryModel(
        id=str(row.request_id),
        station_id=row.station_id,
        request_id=row.request_id,
        kind=row.kind,
        call_id=row.call_id,
        status=row.status,
        complete=row.status == ReportStatus.COMPLETE,
        generated_at=row.generated_at,
        created_at=row.created_at,
        completed_at=row.completed_at,
    )
