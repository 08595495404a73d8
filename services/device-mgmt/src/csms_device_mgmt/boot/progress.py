"""Onboarding (B02): a station is kept Pending until its inventory is here and its variables are set.

Steps follow from what the station does: its boot begins them, each answer leads to the next. A step that nothing comes
of, for the connection broke or a process died, is begun again at the station's next boot, which a station that is
Pending repeats at every interval. It always ends: a step that was begun three times, an inventory of which nothing
comes for a minute although the station agreed, and one that takes ten minutes are left, with a note of what is missing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from csms_device_mgmt.reports.assembly import Assembly

STALLED = timedelta(seconds=60)
"""How long nothing may come of a step on a connection that stays open."""
LONGEST = timedelta(minutes=10)
"""How long a step may take although something comes of it."""
MAX_ATTEMPTS = 3
"""How often a step is begun."""
MAX_NOTES = 100
NUMBERS_SHOWN = 10


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
    began_at: datetime | None = None
    """When the step began last."""
    attempts: int = 1
    """How often it did."""
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
            "began_at": self.began_at.isoformat() if self.began_at else None,
            "attempts": self.attempts,
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
            began_at=datetime.fromisoformat(stored["began_at"]) if stored.get("began_at") else None,
            attempts=stored.get("attempts", 1),
            variables_done=stored["variables_done"],
            variables_asked=stored["variables_asked"],
            notes=tuple(stored["notes"]),
        )

    def noted(self, note: str) -> "Progress":
        """The same with a remark for operators, once. It must hold no secret."""
        if note in self.notes:
            return self
        return replace(self, notes=(*self.notes, note)[-MAX_NOTES:])

    def at(self, step: Step, now: datetime) -> "Progress":
        """The same at the beginning of a step, or of the next message of it."""
        return replace(self, step=step, call_id=None, began_at=now, attempts=1)

    def is_under_way(self, place: Place, now: datetime) -> bool:
        """Whether a boot at this place and moment finds the step going on."""
        return self.place == place and not self.is_stalled(now)

    def is_stalled(self, now: datetime) -> bool:
        """Whether nothing came of the step for a while, or it takes too long."""
        began_at = self.began_at or self.started_at
        return now - self.updated_at >= STALLED or (self.step is Step.INVENTORY and now - began_at >= LONGEST)

    @property
    def is_agreed_inventory(self) -> bool:
        """Whether the station said that the inventory follows: asking it again would bring the same."""
        return self.step is Step.INVENTORY and self.request_id is not None and self.call_id is None


def begun(before: Progress | None, place: Place, protocol: str, now: datetime) -> Progress:
    """Begin, or begin again with the step that nothing came of."""
    if before is None:
        return Progress(Step.INVENTORY, place, protocol, now, now, began_at=now)
    return replace(
        before,
        place=place,
        protocol=protocol,
        updated_at=now,
        call_id=None,
        request_id=None,
        began_at=now,
        attempts=before.attempts + 1,
    )


def left(progress: Progress, missing: str, now: datetime) -> Progress:
    """Leave a step with a note of what is missing."""
    following = Step.VARIABLES if progress.step is Step.INVENTORY else Step.BOOT
    return replace(progress.noted(missing).at(following, now), variables_asked=0)


def missing_of_inventory(assembly: Assembly) -> str:
    """Say what did not come of an inventory that the station agreed to send."""
    if assembly.parts == 0 and not assembly.missing:
        return "no inventory: the station agreed, and sent no part of it"
    if assembly.missing == (0,) and assembly.expected is not None:
        return "inventory: the station counts its parts from 1, or part 0 did not come"
    if assembly.missing:
        shown = ", ".join(map(str, assembly.missing[:NUMBERS_SHOWN]))
        return f"inventory: not all of it came, missing are the parts {shown}"
    return f"inventory: {assembly.parts} parts came, and not the last one"


def refusal_of_inventory(response: Mapping[str, Any] | None, *, is_at_once: bool = False) -> str | None:
    """Return a note when no inventory follows although the station answered (None: by CALLERROR); None: it follows.

    `is_at_once`: the answer itself is the inventory.
    """
    if is_at_once and response is not None:
        return None
    status = "with an error" if response is None else response["status"]
    return None if status == "Accepted" else f"no inventory: the station answered {status}"


def variables_answered(progress: Progress, results: Iterable[Mapping[str, Any]] | None) -> Progress:
    """Count the variables the station answered for, and note those it did not take; values are not in the notes."""
    done = progress.variables_done + progress.variables_asked
    progress = replace(progress, variables_done=done, variables_asked=0)
    if results is None:
        return progress.noted("variables: the station answered with an error")
    for result in results:
        if result["attributeStatus"] not in {"Accepted", "RebootRequired"}:
            progress = progress.noted(f"{name_of(result)}: {result['attributeStatus']}")
    return progress


def name_of(element: Mapping[str, Any]) -> str:
    """Return component and variable for a note."""
    return f"{element['component']['name']}.{element['variable']['name']}"
