"""OCPP 2.0.1: what the simulator speaks inside, as it is."""

from typing import TYPE_CHECKING

from csms_testing.simulator import boot, handlers, status, tokens
from csms_testing.simulator.frames import Json
from csms_testing.simulator.messages import TransactionEvent
from csms_testing.simulator.protocol import Protocol
from csms_testing.simulator.schemas import Schemas
from csms_testing.simulator.transaction import Transaction
from csms_testing.simulator.versions.version import SimulatedVersion

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station


def _message(_: "Station", transaction: Transaction, event: Json) -> TransactionEvent:
    return TransactionEvent(transaction, event)


async def _no_status(_: "Station") -> None:
    """A station of 2.0.1 has no status of its own; its connectors have."""


V201 = SimulatedVersion(
    protocol=Protocol.OCPP201,
    schemas=Schemas("v201", request_suffix="Request"),
    most_connectors=None,
    register_decimals=1,
    handlers=handlers.HANDLERS,
    harmless=(
        "GetVariables",
        {"getVariableData": [{"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}]},
    ),
    boot=boot.payload,
    authorize=tokens.ask,
    message=_message,
    status=status.word,
    tell_status=status.tell,
    report_station=_no_status,
)
