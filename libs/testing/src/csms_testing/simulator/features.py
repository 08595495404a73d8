"""What the optional features of one station remember; empty and small until used."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from csms_testing.simulator.frames import Json


@dataclass(slots=True)
class Job:
    """A transfer under way (firmware, log) whose status a TriggerMessage may ask for."""

    request_id: int | None = None
    status: str = "Idle"
    running: bool = False


@dataclass(slots=True)
class Features:
    """State of reservations, profiles, monitors, messages, certificates and transfers."""

    reservations: dict[int, Json] = field(default_factory=dict)
    """ReserveNowRequest by reservation id."""
    profiles: dict[tuple[int, int], Json] = field(default_factory=dict)
    """ChargingProfileType by (EVSE, profile id)."""
    monitors: dict[int, Json] = field(default_factory=dict)
    """SetMonitoringDataType by monitor id."""
    messages: dict[int, Json] = field(default_factory=dict)
    """MessageInfoType by message id."""
    certificates: list[Json] = field(default_factory=list)
    """CertificateHashDataChainType."""
    network_profiles: dict[int, Json] = field(default_factory=dict)
    """NetworkConnectionProfileType by slot."""
    signed_chains: dict[str, str] = field(default_factory=dict)
    """The PEM chain received last, by certificate type."""
    published: dict[str, str] = field(default_factory=dict)
    """Location of published firmware by checksum."""
    firmware: Job = field(default_factory=Job)
    log: Job = field(default_factory=Job)
    publishing: Job = field(default_factory=Job)
    reset_when_idle: bool = False
    """A scheduled reset of the whole station (B12.FR.01)."""
    inoperative_when_idle: bool = False
    """A scheduled ChangeAvailability of the whole station."""
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def next_event_id(self) -> int:
        """A number no event or monitor of this station had before."""
        return next(self._ids)
