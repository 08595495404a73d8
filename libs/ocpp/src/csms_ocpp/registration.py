"""Says what may be sent while a station is not accepted (use cases B01-B03; OCPP 1.6 4.2)."""

from enum import StrEnum

from csms_ocpp.versions import Version


class Registration(StrEnum):
    """What the last BootNotification response told the station. Values as in OCPP. UNKNOWN: there was none yet."""

    UNKNOWN = "Unknown"
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


def asked_for(version: Version, action: str, payload: object) -> tuple[str, ...]:
    """Return the actions that a command asks the station to send, also before it is accepted (B02.FR.09, B03.FR.07)."""
    meanings = version.triggers.get(action)
    if meanings is None:
        return version.follow_ups.get(action, ())
    requested = payload.get("requestedMessage") if isinstance(payload, dict) else None
    return meanings.get(requested, (requested,)) if isinstance(requested, str) else ()


def triggers_boot(version: Version, action: str, payload: object) -> bool:
    """Whether a command triggers a BootNotification. A rejected station may get no other command (B03.FR.03)."""
    return action in version.triggers and asked_for(version, action, payload) == ("BootNotification",)


class Standing:
    """The registration status of one connection, and the messages that were asked for on it."""

    __slots__ = ("_asked", "registration")

    def __init__(self, registration: Registration) -> None:
        self.registration = registration
        self._asked: frozenset[str] = frozenset()

    def asked(self, actions: tuple[str, ...]) -> None:
        """Remember that a command was sent that makes the station send these messages."""
        if actions:
            self._asked = self._asked.union(actions)

    def may_call(self, action: str) -> bool:
        """Whether the station may send this now."""
        return self.registration is Registration.ACCEPTED or action == "BootNotification" or action in self._asked

    def may_command(self, *, boot_trigger: bool) -> bool:
        """Whether a command may be sent now."""
        return boot_trigger or self.registration is not Registration.REJECTED
