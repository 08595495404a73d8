"""What the API shows of EVSEs and connectors."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, Field

from csms_device_mgmt.status.availability import WHOLE_EVSE, WHOLE_STATION, status_of_evse
from csms_device_mgmt.tables import Connector


class ConnectorModel(BaseModel):
    """A connector's last reported status."""

    connector_id: int
    status: str
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
            shown = ConnectorModel(connector_id=row.connector_id, status=row.status, reported_at=row.reported_at)
            evse.connectors.append(shown)
    for evse in found.values():
        evse.status = evse.status or status_of_evse([connector.status for connector in evse.connectors])
    return list(found.values())


def status_of_station(connectors: Iterable[Connector]) -> str | None:
    """Return what the station said of itself; None: nothing."""
    return next((row.status for row in connectors if row.evse_id == WHOLE_STATION), None)
