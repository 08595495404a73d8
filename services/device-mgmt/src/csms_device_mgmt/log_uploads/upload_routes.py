"""/stations/{id}/log-files: the logs that stations uploaded to the CSMS."""

from typing import Annotated, Self

from csms_runtime.http import Page, PageParams, Problem, paginate, require
from csms_runtime.http.fields import NO_NUL, one_of
from fastapi import APIRouter, Path, Security
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from csms_device_mgmt.log_uploads import upload_rows
from csms_device_mgmt.log_uploads.upload import UploadState
from csms_device_mgmt.parameters import StationId, existing, moment_and_id
from csms_device_mgmt.tables import LogUpload
from csms_device_mgmt.unit import Units

_Id = Annotated[str, Path(alias="id", max_length=64), NO_NUL]


class LogFile(BaseModel):
    """A log that a station was asked to upload to the CSMS."""

    id: str
    station_id: str
    request_id: int = Field(description="Of the GetLog: see /stations/{station_id}/logs/{request_id}")
    state: Annotated[str, one_of(*UploadState)]
    name: str | None = Field(description="As the station named it")
    size: int | None = Field(description="Bytes")
    sha256: str | None = Field(description="Of the content, in hexadecimal")
    asked_at: AwareDatetime
    received_at: AwareDatetime | None

    @classmethod
    def of(cls, row: LogUpload) -> Self:
        """Return the item of a row."""
        same = {name: getattr(row, name) for name in cls.model_fields if name not in {"id", "size"}}
        return cls(id=row.upload_id, size=row.size if row.received_at else None, **same)


def router(units: Units) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Jobs"])

    @routes.get("/stations/{station_id}/log-files", dependencies=[Security(require("read"))])
    async def list_log_files(station_id: StationId, page: PageParams) -> Page[LogFile]:
        """List the logs that the station was asked to upload to the CSMS, the newest first: the last 20."""
        before = moment_and_id(page)
        async with units.reading() as session:
            await existing(session, station_id)
            rows = await upload_rows.page(session, station_id, before=before, limit=page.limit + 1)
        return paginate(
            rows, page.limit, position=lambda row: [row.asked_at.isoformat(), row.upload_id], item=LogFile.of
        )

    @routes.get(
        "/stations/{station_id}/log-files/{id}/content",
        dependencies=[Security(require("operate"))],
        response_class=StreamingResponse,
    )
    async def get_log_file(station_id: StationId, upload_id: _Id) -> StreamingResponse:
        """Return the content of a log as the station sent it. It may hold what an operator alone should see."""
        async with units.reading() as session:
            row = await upload_rows.find(session, upload_id)
        if row is None or row.station_id != station_id or row.received_at is None:
            raise Problem(404, "No such log", "The station has uploaded no log with this id")
        headers = {"Content-Disposition": f'attachment; filename="{row.name}"', "Content-Length": str(row.size)}
        pieces = upload_rows.content(units, upload_id, row.attempt)
        return StreamingResponse(pieces, media_type="application/octet-stream", headers=headers)

    return routes
