"""The form in which a version says what is its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from csms_ocpp.errors import ErrorCode
from csms_ocpp.versions.protocol import Protocol


@dataclass(frozen=True, slots=True)
class Action:
    """One message of a version."""

    name: str
    from_station: bool
    """The station may send its request."""
    from_csms: bool
    """The CSMS may send its request."""
    send_only: bool = False
    """A SEND (OCPP 2.1): it has no response."""


@dataclass(frozen=True, slots=True, eq=False)  # there is one object per version
class Version:
    """The rules of one version, as tables. A session looks up its version once, when it is made."""

    protocol: Protocol
    actions: Mapping[str, Action]
    """All messages by name; case counts."""

    user_may_be_empty: bool
    """Whether stations may leave out the user name of Basic authentication: the path says who they are."""
    message_types: frozenset[int]
    """The message types (`csms_ocpp.frames`) that a station may send."""
    answers_unknown_types: bool
    """Whether a message of another type is answered with a CALLERROR. If not, it is ignored."""
    refuses_results: bool
    """Whether a CALLRESULTERROR answers a CALLRESULT that is not valid."""

    spelling: Mapping[ErrorCode, str]
    """How this version writes each error code. A code that it lacks is written as the closest one it has."""
    incomplete_request: ErrorCode
    """The error of a CALL that has fewer than 4 elements."""
    duplicate_id: ErrorCode
    """The error of a CALL whose message id is that of a CALL in work."""

    may_lack_times: bool
    """Whether stations are known to send no time, or none that can be read: the time of receipt is put in leniently."""

    follow_ups: Mapping[str, tuple[str, ...]]
    """The messages that a station sends because of a command, besides the answer, by command (B02.FR.09, B03.FR.07)."""
    triggers: Mapping[str, Mapping[str, tuple[str, ...]]]
    """The commands that trigger messages. Each has the values of `requestedMessage` that are not a message's name, with
    the messages that they stand for."""
    token_events: frozenset[str]
    """Messages that may carry a token and may have an empty answer. A station takes an empty answer for a yes."""

    schema_folder: str
    """The folder of the package `ocpp` that has the schemas."""
    request_suffix: str
    """The end of the name of a request's schema, after the action. The schema of a SEND has the action's name."""
    schema_corrections: Mapping[str, Callable[[dict[str, Any]], None]]
    """Functions that correct a schema that was published with a fault, in place, by name of the schema."""


def table(station: str, csms: str, sends: str = "") -> Mapping[str, Action]:
    """Return the messages of a version by name.

    Args:
        station: Names of requests that only stations send, separated by white space.
        csms: Names of requests that only the CSMS sends.
        sends: Names of SENDs, which only stations send.
    """
    actions = [Action(name, from_station=True, from_csms=False) for name in station.split()]
    actions += [Action(name, from_station=False, from_csms=True) for name in csms.split()]
    actions += [Action(name, from_station=True, from_csms=False, send_only=True) for name in sends.split()]
    actions.append(Action("DataTransfer", from_station=True, from_csms=True))
    return {action.name: action for action in actions}
