from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
import pytest
from csms_ocpp.session import (
    Command,
    CommandDone,
    Dispatch,
    Effect,
    HeartbeatReceived,
    Notice,
    Registration,
    SendText,
    Session,
    SessionLimits,
)
from csms_ocpp.versions import Protocol

T = TypeVar("T", bound=Effect)

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
BOOTED = {"currentTime": "2026-01-01T00:00:00.000Z", "interval": 300, "status": "Accepted"}
CAME = datetime(2026, 1, 2, tzinfo=UTC)
NOTIFY = {"requestId": 1, "generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0}


def only(effects: list[Effect], kind: type[T]) -> T:
    """The one effect of that kind."""
    found = [effect for effect in effects if isinstance(effect, kind)]
    assert len(found) == 1, effects
    return found[0]


class Line:
    """A session with shorthands for what a station and a driver do."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def text(self, *frame: object, now: float = 0.0) -> list[Effect]:
        return self.session.receive_text(orjson.dumps(frame), now)

    def call(self, message_id: str, action: str, payload: object) -> list[Effect]:
        return self.text(2, message_id, action, payload)

    def command(
        self,
        action: str = "ClearCache",
        payload: object = None,
        *,
        id: str = "c1",  # noqa: A002 - the field's name
        timeout_s: float = 30.0,
        deadline: float = 1000.0,
        now: float = 0.0,
    ) -> list[Effect]:
        data = orjson.dumps({} if payload is None else payload)
        return self.session.command(Command(id, action, data, timeout_s, deadline), now)

    def raw_command(self, action: str, payload: bytes) -> list[Effect]:
        return self.session.command(Command("c1", action, payload, 30.0, 100.0), 0.0)

    def reply(self, dispatch: Dispatch | HeartbeatReceived, payload: object) -> list[Effect]:
        return self.session.reply(dispatch.correlation, orjson.dumps(payload))


@pytest.fixture
def connect() -> Callable[..., Line]:
    """Makes a line to an accepted 2.0.1 station unless told otherwise."""

    def make(
        protocol: Protocol = Protocol.OCPP201,
        registration: Registration = Registration.ACCEPTED,
        *,
        lenient: bool = False,
        **limits: int,
    ) -> Line:
        return Line(
            Session(
                protocol,
                registration=registration,
                limits=SessionLimits(**limits),
                lenient=lenient,
                utcnow=lambda: CAME,
            )
        )

    return make


@pytest.fixture
def sent() -> Callable[[list[Effect]], Any]:
    """Gives the one frame that the effects send, parsed."""
    return lambda effects: orjson.loads(only(effects, SendText).text)


@pytest.fixture
def done() -> Callable[[list[Effect]], CommandDone]:
    return lambda effects: only(effects, CommandDone)


@pytest.fixture
def dispatched() -> Callable[[list[Effect]], Dispatch]:
    return lambda effects: only(effects, Dispatch)


@pytest.fixture
def noticed() -> Callable[[list[Effect]], Notice]:
    return lambda effects: only(effects, Notice)


@pytest.fixture
def boot() -> dict[str, Any]:
    return BOOT


@pytest.fixture
def booted() -> dict[str, Any]:
    return BOOTED


@pytest.fixture
def notify_report() -> dict[str, Any]:
    return NOTIFY
