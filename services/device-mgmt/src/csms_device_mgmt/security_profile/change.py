"""Moving a station to a higher security profile (A05): one step after another, each with a CALL.

Steps follow from what the station does: each answer leads to the next, a connection begins the step again that the last
one ended in. A connection with the new profile is the end, whichever step it was.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

MAX_ATTEMPTS: Final = 5
"""How often a step's CALL is sent."""


class Step(StrEnum):
    """Where the change stands."""

    CERTIFICATE = "certificate"
    """The station is asked for a certificate request, and gets the certificate (A02)."""
    READ_PRIORITY = "read_priority"
    """The station tells which network profiles it uses, so that the present one is kept behind the new one."""
    NETWORK_PROFILE = "network_profile"
    """It gets a network profile with the new security profile (B09)."""
    PRIORITY = "priority"
    """That one becomes the first it uses (B10); passed over if it is that already."""
    RESET = "reset"
    CONNECT = "connect"
    """It is going to connect with the new profile."""
    DONE = "done"
    FAILED = "failed"


ENDED = frozenset({Step.DONE, Step.FAILED})


class Wanted(BaseModel):
    """What somebody asked for."""

    model_config = ConfigDict(frozen=True)

    security_profile: Literal[2, 3]
    configuration_slot: int
    ocpp_csms_url: str
    message_timeout_s: int
    ocpp_interface: str
    network_configuration_priority: tuple[int, ...] | None
    """Slots, the first one used first; None: the station's own, with the new one in front."""
    reset_type: Literal["OnIdle", "Immediate"]
    new_certificate: bool
    """Whether it begins with a certificate."""


class ProfileChange(BaseModel):
    """What has been done so far."""

    model_config = ConfigDict(frozen=True)

    wanted: Wanted
    from_profile: int
    """0: not known."""
    step: Step
    started_at: datetime
    updated_at: datetime
    call_id: str | None = None
    """The call whose outcome is awaited."""
    connection_id: str | None = None
    """Of the connection it was sent on."""
    attempts: int = 0
    """How often the step's CALL was sent."""
    priority: tuple[int, ...] | None = None
    """What NetworkConfigurationPriority is going to be."""
    is_first: bool = False
    """Whether it is that already."""
    failed_step: Step | None = None
    reason: str | None = None
    """Why it failed; no secret is in it."""

    def at(self, step: Step, **changed: Any) -> "ProfileChange":  # noqa: ANN401 values of fields
        """Return it at the beginning of a step."""
        return self.model_copy(update={"step": step, "call_id": None, "attempts": 0, **changed})

    def failed(self, reason: str) -> "ProfileChange":
        """Return it as given up."""
        return self.at(Step.FAILED, failed_step=self.step, reason=reason)


def begun(wanted: Wanted, from_profile: int, now: datetime) -> ProfileChange:
    """Begin with the first step that there is."""
    change = ProfileChange(
        wanted=wanted,
        from_profile=from_profile,
        step=Step.CERTIFICATE,
        started_at=now,
        updated_at=now,
        priority=wanted.network_configuration_priority,
    )
    return change if wanted.new_certificate else certified(change)


def certified(change: ProfileChange) -> ProfileChange:
    """Return what follows when the station has its certificate."""
    return change.at(Step.READ_PRIORITY if change.priority is None else Step.NETWORK_PROFILE)


def refused(change: ProfileChange, code: str) -> ProfileChange:
    """Return where it stands after a CALLERROR with that code."""
    return change.failed(f"the station answered with the error {code}")


def answered(change: ProfileChange, response: Mapping[str, Any]) -> ProfileChange:
    """Return where it stands after the station's answer."""
    match change.step:
        case Step.READ_PRIORITY:
            return _read(change, response)
        case Step.PRIORITY:
            return _accepted(change, _status(response, "setVariableResult"), Step.RESET)
        case Step.NETWORK_PROFILE:
            return _accepted(change, response["status"], Step.RESET if change.is_first else Step.PRIORITY)
        case Step.RESET:
            return _accepted(change, response["status"], Step.CONNECT)
        case Step.CERTIFICATE if response["status"] != "Accepted":
            return change.failed(f"the station answered {response['status']}")
        case _:
            return change.model_copy(update={"call_id": None})  # the certificate is what is waited for


def _accepted(change: ProfileChange, status: str, following: Step) -> ProfileChange:
    if status in {"Accepted", "Scheduled", "RebootRequired"}:
        return change.at(following)
    return change.failed(f"the station answered {status}")


def _read(change: ProfileChange, response: Mapping[str, Any]) -> ProfileChange:
    status = _status(response, "getVariableResult")
    if status != "Accepted":
        return change.failed(f"the station answered {status}")
    slot = change.wanted.configuration_slot
    value = response["getVariableResult"][0].get("attributeValue", "")
    try:
        present = [int(text) for text in value.split(",") if text.strip()]
    except ValueError:
        return change.failed("the station's NetworkConfigurationPriority is no list of numbers")
    wanted = (slot, *(other for other in present if other != slot))
    return change.at(Step.NETWORK_PROFILE, priority=wanted, is_first=list(wanted) == present)


def _status(response: Mapping[str, Any], results: str) -> str:
    found: list[Mapping[str, Any]] = response[results]
    return str(found[0]["attributeStatus"]) if found else "nothing"
