"""The physical parts of a station: EVSEs, connectors and their status."""

from dataclasses import dataclass
from enum import StrEnum

from csms_testing.simulator.meter import Meter
from csms_testing.simulator.transaction import Transaction


class ConnectorStatus(StrEnum):
    """ConnectorStatusEnumType."""

    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


@dataclass(slots=True)
class Connector:
    """One connector of an EVSE."""

    id: int
    plugged: bool = False
    operative: bool = True
    faulted: bool = False
    inoperative_when_idle: bool = False
    """A scheduled ChangeAvailability (G03.FR.05)."""
    charged: bool = False
    """A transaction has ended since the cable was plugged in."""
    reported: str | None = None
    """What the CSMS was last told; None before the first report."""


@dataclass(slots=True)
class Evse:
    """One EVSE: at most one transaction at a time."""

    id: int
    connectors: list[Connector]
    meter: Meter
    operative: bool = True
    reservation_id: int | None = None
    transaction: Transaction | None = None
    busy: bool = False
    """A driver or a remote start is about to use it."""
    inoperative_when_idle: bool = False
    """A scheduled ChangeAvailability (G03.FR.05)."""
    reset_when_idle: bool = False
    """A scheduled Reset of this EVSE (B12.FR.07)."""

    def connector(self, connector_id: int) -> Connector | None:
        """The connector with this id, if there is one."""
        return next((connector for connector in self.connectors if connector.id == connector_id), None)

    def status(self, connector: Connector, *, station_operative: bool) -> ConnectorStatus:
        """The connector's status; a fault outranks unavailability, which outranks use (G01, G03.FR.06)."""
        if connector.faulted:
            return ConnectorStatus.FAULTED
        if not (station_operative and self.operative and connector.operative):
            return ConnectorStatus.UNAVAILABLE
        if connector.plugged:
            return ConnectorStatus.OCCUPIED
        return ConnectorStatus.AVAILABLE if self.reservation_id is None else ConnectorStatus.RESERVED
