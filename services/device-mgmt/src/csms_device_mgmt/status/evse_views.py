"""What the API shows of EVSEs and connectors."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, Field

from csms_device_mgmt.status.availability import WHOLE_EVSE, WHOLE_STATION, status_of_evse
from csms_device_mgmt.tables import Connector


class ReportedStatusModel(BaseModel):
    """What a station of OCPP 1.6 said of a connector, or of itself, in its own words."""

    status: str
    error_code: str
    info: str | None = None
    vendor_error_code: str | None = None
    vendor_id: str | None = None


class ConnectorModel(BaseModel):
    """A connector's last reported status."""

    connector_id: int
    status: str = Field(description="As OCPP 2 names it, whichever version the station speaks")
    reported: ReportedStatusModel | None = Field(None, description="null: the station speaks another version than 1.6")
    reported_at: datetime = Field(
        description="The station's time of the change; that of receipt where the station's is implausible"
    )


class EvseModel(BaseModel):
    """An EVSE, known because the station mentioned it."""

    evse_id: int
    status: str | None = Field(
        None, description="As the station reports it of the EVSE itself, else from its connectors' statuses"
    )
    connectors: list[ConnectorModel]


def evses(connectors: Iterable[Connector]) -> list[EvseModel]:
    """Group connectors by EVSE; connector 0 tells the status of the EVSE itself. EVSE 0 is none: it is the station."""
    found: dict[int, EvseModel] = {}
    for row in connectors:
        if row.evse_id == WHOLE_STATION:
            continue
        evse = found.setdefault(row.evse_id, EvseModel(evse_id=row.evse_id, connectors=[]))
        if row.connector_id == WHOLE_EVSE:
            evse.status = row.status
        else:
            evse.connectors.append(_connector(row))
    for evse in found.values():
        evse.status = evse.status or status_of_evse([connector.status for connector in evse.connectors])
    return list(found.values())


def _connector(row: Connector) -> ConnectorModel:
    return ConnectorModel(
        connector_id=row.connector_id, status=row.status, reported=_reported(row), reported_at=row.reported_at
    )


def _reported(row: Connector) -> ReportedStatusModel | None:
    if row.reported is None:
        return None
    return ReportedStatusModel(
        status=row.reported["status"],
        error_code=row.reported["errorCode"],
        info=row.reported.get("info"),
        vendor_error_code=row.reported.get("vendorErrorCode"),
        vendor_id=row.reported.get("vendorId"),
    )


def status_of_station(connectors: Iterable[Connector]) -> str | None:
    """Return what the station said of itself; None: nothing."""
    return next((row.status for row in connectors if row.evse_id == WHOLE_STATION), None)


def reported_of_station(connectors: Iterable[Connector]) -> ReportedStatusModel | None:
    """Return what the station said of itself in its own words; None: nothing, or it speaks another version than 1.6."""
    return next((_reported(row) for row in connectors if row.evse_id == WHOLE_STATION), None)
