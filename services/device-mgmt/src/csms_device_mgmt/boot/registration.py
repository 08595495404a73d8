"""How a BootNotification is answered (B01, B02, B03)."""

from dataclasses import dataclass
from enum import StrEnum

from csms_runtime.settings import UnknownStations

TRIGGERS = frozenset({"TriggerMessage", "ExtendedTriggerMessage"})
"""The CALLs that may ask for a BootNotification."""


class Registration(StrEnum):
    """OCPP's RegistrationStatusEnumType."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True)
class Intervals:
    """The `interval` of a BootNotification response, in seconds, above 0."""

    heartbeat_s: int = 300
    retry_s: int = 30


def registration_of_unknown(policy: UnknownStations) -> Registration | None:
    """Return the registration a station nobody created is given; None: it is not let in and gets no row."""
    return {UnknownStations.ACCEPT: Registration.ACCEPTED, UnknownStations.PENDING: Registration.PENDING}.get(policy)


def boot_interval(status: Registration, intervals: Intervals) -> int:
    """Return the interval that goes with a registration status.

    Accepted: between heartbeats; else until the next BootNotification, never 0, which would leave the choice to the
    station (B03.FR.05).
    """
    return intervals.heartbeat_s if status is Registration.ACCEPTED else intervals.retry_s


def effective(configured: Registration, told: Registration | None) -> Registration:
    """Return the status a station counts as having: what it was last told; before its first boot the configured one."""
    return told or configured


REMOTE_TRANSACTIONS = frozenset(
    {"RequestStartTransaction", "RequestStopTransaction", "RemoteStartTransaction", "RemoteStopTransaction"}
)
"""Actions of all versions that a station must have been accepted for."""


def refusal(status: Registration, action: str, payload: object) -> str | None:
    """Say why a CALL may not be sent to a station that is told this status; None: it may.

    A rejected station gets only TriggerMessage of BootNotification (B03.FR.03). A pending one is accepted before it
    starts or stops transactions (B02.FR.05).
    """
    if status is Registration.PENDING and action in REMOTE_TRANSACTIONS:
        return "the station is pending: accept it before it starts or stops transactions (B02.FR.05)"
    if status is Registration.REJECTED and not is_boot_trigger(action, payload):
        return "the station is rejected: only TriggerMessage of BootNotification may be sent (B03.FR.03)"
    return None


def is_boot_trigger(action: str, payload: object) -> bool:
    """Whether a CALL asks for a BootNotification."""
    is_trigger = action in TRIGGERS and isinstance(payload, dict)
    return is_trigger and isinstance(payload, dict) and payload.get("requestedMessage") == "BootNotification"


def boots_first(told: str | None, action: str, payload: object) -> bool:
    """Whether a CALL waits for the station's first boot; one that asks for it does not. `told`: its last status."""
    return told is None and not is_boot_trigger(action, payload)
