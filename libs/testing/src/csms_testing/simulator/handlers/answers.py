"""What all handlers of the CSMS's messages share: how to answer, how to report in parts, how to notify."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from csms_testing.simulator.errors import CallRefused, CallTimeout, NotConnected, SchemaViolation
from csms_testing.simulator.frames import Json
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

Then: TypeAlias = Callable[[], Coroutine[None, None, None]]
Handler: TypeAlias = Callable[["Station", Json], Reply]


def answer(status: str, then: Then | None = None, *, reason: str | None = None, **fields: Any) -> Reply:  # noqa: ANN401  # JSON values
    """A reply with a status; `reason` is a statusInfo.reasonCode, `then` happens after the reply was sent."""
    info = {} if reason is None else {"statusInfo": {"reasonCode": reason}}
    return Reply({"status": status, **info, **fields}, then)


def refuse(code: str, description: str) -> Reply:
    """A CALLERROR."""
    return Reply(CallRefused(code, description, {}))


def parts(items: Sequence[Json], size: int) -> Iterator[tuple[int, bool, list[Json]]]:
    """Cut a report: (seqNo from 0, tbc, entries)."""
    for number, start in enumerate(range(0, len(items), size)):
        yield number, start + size < len(items), list(items[start : start + size])


async def notify(station: "Station", action: str, payload: Json) -> bool:
    """Send a notification whose answer means nothing to the station; whether it was answered.

    Failures are normal (the CSMS may be restarting) and counted in the station's Stats; OCPP asks for no repetition.
    """
    try:
        await station.call(action, payload)
    except (NotConnected, CallTimeout, CallRefused, SchemaViolation):
        return False
    return True
