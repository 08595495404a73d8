"""What may be sent while a station is not accepted (use cases B01-B03; OCPP 1.6 4.2)."""

from enum import StrEnum

from csms_ocpp.versions import Protocol


class Registration(StrEnum):
    """What the station was last told in a BootNotification response. Values as in OCPP; UNKNOWN: nothing yet."""

    UNKNOWN = "Unknown"
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


# A command of the left makes the station send messages of the right, also before it is accepted (B02.FR.09, B03.FR.07).
_ANSWERED_BY: dict[str, tuple[str, ...]] = {
    "CustomerInformation": ("NotifyCustomerInformation",),
    "GetBaseReport": ("NotifyReport",),
    "GetChargingProfiles": ("ReportChargingProfiles",),
    "GetDERControl": ("ReportDERControl",),
    "GetDiagnostics": ("DiagnosticsStatusNotification",),
    "GetDisplayMessages": ("NotifyDisplayMessages",),
    "GetLog": ("LogStatusNotification",),
    "GetMonitoringReport": ("NotifyMonitoringReport",),
    "GetReport": ("NotifyReport",),
    "PublishFirmware": ("PublishFirmwareStatusNotification",),
    "RequestBatterySwap": ("BatterySwap",),
    "SetMonitoringBase": ("NotifyMonitoringReport",),
    "SetVariableMonitoring": ("NotifyMonitoringReport",),
    "SignedUpdateFirmware": ("SignedFirmwareStatusNotification",),
    "UpdateFirmware": ("FirmwareStatusNotification",),
}
_TRIGGERS = frozenset({"TriggerMessage", "ExtendedTriggerMessage"})


def asked_for(protocol: Protocol, action: str, payload: object) -> tuple[str, ...]:
    """Return the actions that a command asks the station to send."""
    if action not in _TRIGGERS:
        return _ANSWERED_BY.get(action, ())
    requested = payload.get("requestedMessage") if isinstance(payload, dict) else None
    if not isinstance(requested, str):
        return ()
    if requested.startswith("Sign"):  # SignChargingStationCertificate, SignV2GCertificate...
        return ("SignCertificate",)
    if protocol is Protocol.OCPP16 and action == "ExtendedTriggerMessage" and requested == "FirmwareStatusNotification":
        return (requested, "SignedFirmwareStatusNotification")
    return (requested,)


def triggers_boot(action: str, payload: object) -> bool:
    """Whether it is the one command a rejected station may get: TriggerMessage for BootNotification (B03.FR.03)."""
    return action in _TRIGGERS and isinstance(payload, dict) and payload.get("requestedMessage") == "BootNotification"


class Standing:
    """One connection's registration status and what was asked for on it."""

    __slots__ = ("_asked", "registration")

    def __init__(self, registration: Registration) -> None:
        self.registration = registration
        self._asked: frozenset[str] = frozenset()

    def asked(self, actions: tuple[str, ...]) -> None:
        """Remember that a command was sent which makes the station send these."""
        if actions:
            self._asked = self._asked.union(actions)

    def may_call(self, action: str) -> bool:
        """Whether the station may send this now."""
        return self.registration is Registration.ACCEPTED or action == "BootNotification" or action in self._asked

    def may_command(self, *, boot_trigger: bool) -> bool:
        """Whether a command may be sent now."""
        return boot_trigger or self.registration is not Registration.REJECTED
