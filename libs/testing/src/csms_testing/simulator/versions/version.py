"""What the simulator must know of one OCPP version: how a station tells what happens to it, and what it can be asked.

Inside, a station speaks as OCPP 2.0.1 does: events of transactions, tokens with a type, variables. A version writes
that in its own words and reads the answers back.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from csms_testing.simulator.evse import Connector, Evse
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import Handler
from csms_testing.simulator.messages import Message
from csms_testing.simulator.protocol import Protocol
from csms_testing.simulator.schemas import Schemas
from csms_testing.simulator.transaction import Transaction

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)  # there is one object per version
class SimulatedVersion:
    """One version. No other module compares versions."""

    protocol: Protocol
    schemas: Schemas
    most_connectors: int | None
    """Connectors that an EVSE can have; None: any number."""
    register_decimals: int
    """Decimals of a Wh that energy registers tell: where a message has an integer, all of them are integers."""
    handlers: Mapping[str, Handler]
    """By action."""
    harmless: tuple[str, Json]
    """A command that every station answers and that changes nothing: its action and its payload."""

    of_monitors: Json = field(default_factory=dict)
    """What a NotifyMonitoringReport tells of every monitor besides."""
    boot: Callable[["Station", str], Json]
    """The BootNotification request for a BootReasonEnumType."""
    authorize: Callable[["Station", Json], Awaitable[Json]]
    """Ask the CSMS about an IdTokenType; an IdTokenInfoType. Raises what `Station.call` raises."""
    message: Callable[["Station", Transaction, Json], Message | None]
    """What is sent for an event (a TransactionEventRequest of 2.0.1) of a transaction; None: nothing."""
    status: Callable[["Station", Evse, Connector], str]
    """The word for a connector's status now."""
    tell_status: Callable[["Station", Evse, Connector, str], Awaitable[None]]
    """Tell the CSMS a connector's status. Raises what `Station.call` raises."""
    report_station: Callable[["Station"], Awaitable[None]]
    """Tell the CSMS the status of the station itself, if it does not know it and the version has such a thing."""
