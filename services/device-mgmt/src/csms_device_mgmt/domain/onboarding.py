"""Onboarding (B02): a station is kept Pending until its inventory is here and its variables are set.

Steps follow from what the station does: its boot begins them, each answer leads to the next. A step that nothing comes
of, for the connection broke or a process died, is begun again at the station's next boot, which a station that is
Pending repeats at every interval.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

STALLED = timedelta(seconds=60)
"""How long nothing may come of a step before a boot on the same connection begins it again."""
MAX_NOTES = 100


class Mode(StrEnum):
    """What is done before a station is accepted for the first time."""

    NONE = "none"
    INVENTORY = "inventory"


class Step(StrEnum):
    """Where onboarding stands."""

    INVENTORY = "inventory"
    """FullInventory was asked for or is arriving (B07)."""
    VARIABLES = "variables"
    """Variables are being set (B05)."""
    BOOT = "boot"
    """All is done; the next boot is accepted."""
    DONE = "done"


class Place(NamedTuple):
    """The connection a station booted on."""

    slot: int
    epoch: int
    connection_id: str
    number: int = 0


NOWHERE = Place(-1, 0, "")
"""No station boots there."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What has been done so far."""

    step: Step
    place: Place
    protocol: str
    """Of that connection."""
    started_at: datetime
    updated_at: datetime
    call_id: str | None = None
    """The call whose outcome is awaited; None while parts of the report are."""
    request_id: int | None = None
    """Of the inventory."""
    variables_done: int = 0
    """How many of the configured variables the station has answered for."""
    variables_asked: int = 0
    """How many the call under way asks for."""
    notes: tuple[str, ...] = ()
    """What did not go as it was meant to; a station is accepted all the same."""

    def to_json(self) -> dict[str, Any]:
        """Return what is stored."""
        return {
            "step": self.step.value,
            "place": list(self.place),
            "protocol": self.protocol,
            "started_at": self.started_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "call_id": self.call_id,
            "request_id": self.request_id,
            "variables_done": self.variables_done,
            "variables_asked": self.variables_asked,
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Progress":
        """Read what `to_json` returned."""
        return cls(
            step=Step(stored["step"]),
            place=Place(*stored["place"]),
            protocol=stored["protocol"],
            started_at=datetime.fromisoformat(stored["started_at"]),
            updated_at=datetime.fromisoformat(stored["updated_at"]),
            call_id=stored["call_id"],
            request_id=stored["request_id"],
            variables_done=stored["variables_done"],
            variables_asked=stored["variables_asked"],
            notes=tuple(stored["notes"]),
        )

    def noted(self, note: str) -> "Progress":
        """The same with a remark for operators. It must hold no secret."""
        return replace(self, notes=(*self.notes, note)[-MAX_NOTES:])

    def is_under_way(self, place: Place, now: datetime) -> bool:
        """Whether a boot at this place and moment finds the step going on."""
        return self.place == place and now - self.updated_at < STALLED


def begun(before: Progress | None, place: Place, protocol: str, now: datetime) -> Progress:
    """Begin, or begin again with the step that nothing came of."""
    if before is None:
        return Progress(Step.INVENTORY, place, protocol, now, now)
    return replace(before, place=place, protocol=protocol, updated_at=now, call_id=None, request_id=None)


def refusal_of_inventory(response: Mapping[str, Any] | None) -> str | None:
    """Return a note when no inventory follows although the station answered (None: by CALLERROR); None: it follows."""
    status = "with an error" if response is None else response["status"]
    return None if status == "Accepted" else f"no inventory: the station answered {status}"


def variables_answered(progress: Progress, response: Mapping[str, Any] | None) -> Progress:
    """Count the variables the station answered for, and note those it did not take; values are not in the notes."""
    done = progress.variables_done + progress.variables_asked
    progress = replace(progress, variables_done=done, variables_asked=0)
    if response is None:
        return progress.noted("SetVariables: the station answered with an error")
    for result in response["setVariableResult"]:
        if result["attributeStatus"] not in {"Accepted", "RebootRequired"}:
            name = f"{result['component']['name']}.{result['variable']['name']}"
            progress = progress.noted(f"{name}: {result['attributeStatus']}")
    return progress
