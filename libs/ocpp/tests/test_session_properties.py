"""Whatever a station and a driver do, in whatever order: what always holds."""

from collections import Counter
from typing import Any

import orjson
from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.session import (
    Close,
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
    State,
)
from csms_ocpp.versions import Protocol
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

CALL, RESULT, ERROR, RESULT_ERROR, SEND = 2, 3, 4, 5, 6
SECURITY_EVENT = {"type": "FirmwareUpdated", "timestamp": "2026-01-01T00:00:00Z"}
BOOT = {
    Protocol.OCPP16: {"chargePointModel": "M", "chargePointVendor": "V"},
    Protocol.OCPP201: {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}},
    Protocol.OCPP21: {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}},
}
REPLIES: dict[str, object] = {
    "BootNotification": {"currentTime": "2026-01-01T00:00:00Z", "interval": 1, "status": "Accepted"},
    "Heartbeat": {"currentTime": "2026-01-01T00:00:00Z"},
    "DataTransfer": {"status": "Accepted"},
    "SecurityEventNotification": {},
}
STREAM = {"id": 1, "pending": 0, "basetime": "2026-01-01T00:00:00Z", "data": [{"t": 0, "v": "1"}]}
LIMITS = SessionLimits(max_queued_calls=2, max_queued_commands=3, answers_kept=2)
IDS = st.sampled_from(["a", "b", "c", "d"])
# Weighted, or most runs would see nothing but refusals.
REGISTRATIONS = st.sampled_from([*Registration, *[Registration.ACCEPTED] * 4])
MOSTLY = st.sampled_from([True, True, True, False])


class SessionMachine(RuleBasedStateMachine):
    """Plays the station and the driver, and keeps its own books."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.asked: list[str] = []
        self.done: Counter[str] = Counter()
        self.open_command: str | None = None
        self.calls: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.in_work: dict[int, tuple[str, str]] = {}

    @initialize(protocol=st.sampled_from(Protocol), registration=REGISTRATIONS)
    def connect(self, protocol: Protocol, registration: Registration) -> None:
        self.protocol = protocol
        self.session = Session(protocol, registration=registration, limits=LIMITS)

    # The driver's books.

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendText(text):
                    self.sent(orjson.loads(text))
                case CommandDone():
                    self.done[effect.id] += 1
                    if effect.id == self.open_command:
                        self.open_command = None
                case Dispatch(no_reply=False):
                    assert not self.in_work, "one CALL of the station at a time"
                    self.in_work[effect.correlation] = (effect.message_id, effect.action)
                case HeartbeatReceived():
                    assert not self.in_work
                    self.in_work[effect.correlation] = (effect.message_id, "Heartbeat")
                case Dispatch() | Notice() | Close():
                    pass

    def sent(self, frame: list[Any]) -> None:
        kind, message_id = frame[:2]
        if kind == CALL:
            assert self.open_command is None, "one CALL of ours at a time"
            assert message_id in self.asked
            self.open_command = message_id
        elif kind == RESULT_ERROR:
            assert self.protocol is Protocol.OCPP21
        else:
            assert kind in (RESULT, ERROR)
            if message_id != "-1":
                self.answers[message_id] += 1

    # The station.

    def receive(self, *frame: object) -> list[Effect]:
        effects = self.session.receive_text(orjson.dumps(frame), self.now)
        self.carry_out(effects)
        return effects

    @rule(message_id=IDS, action=st.sampled_from([*REPLIES, "Nonsense", "Reset"]), valid=MOSTLY)
    def call(self, message_id: str, action: str, valid: bool) -> None:  # noqa: FBT001
        payloads: dict[str, object] = {"BootNotification": BOOT[self.protocol], "DataTransfer": {"vendorId": "v"}}
        payloads["SecurityEventNotification"] = SECURITY_EVENT
        self.calls[message_id] += 1
        self.receive(CALL, message_id, action, payloads.get(action, {}) if valid else {"x": 1})

    @rule(message_id=IDS)
    def send(self, message_id: str) -> None:
        effects = self.receive(SEND, message_id, "NotifyPeriodicEventStream", STREAM)
        if self.protocol is Protocol.OCPP201:
            self.calls[message_id] += 1  # an unknown type is answered there
        else:
            assert not [effect for effect in effects if isinstance(effect, SendText)]

    @precondition(lambda self: self.open_command)
    @rule(frame=st.sampled_from([[RESULT, {"status": "Accepted"}], [RESULT, {}], [ERROR, "NotSupported", "", {}]]))
    def answer(self, frame: list[Any]) -> None:
        message_id = self.open_command
        assert message_id is not None
        self.answer_anything(message_id, frame)
        assert self.done[message_id] == 1 or self.session.state is not State.OPEN

    @precondition(lambda self: self.asked)
    @rule(kind=st.sampled_from([RESULT, ERROR, RESULT_ERROR]), data=st.data())
    def stray_answer(self, kind: int, data: st.DataObject) -> None:
        message_id = data.draw(st.sampled_from([*self.asked, *self.calls]))
        if message_id != self.open_command and (kind != RESULT_ERROR or self.protocol is Protocol.OCPP21):
            self.answer_anything(message_id, [kind, {}])

    def answer_anything(self, message_id: str, frame: list[Any]) -> None:
        before = self.answers.copy()
        self.receive(frame[0], message_id, *frame[1:])
        assert self.answers == before, "an answer is never answered"

    # The services and the driver.

    @rule(
        action=st.sampled_from(["ClearCache", "ClearCache", "TriggerMessage", "Nonsense"]),
        wait=st.sampled_from([0, 4, 30, 30]),
    )
    def command(self, action: str, wait: int) -> None:
        command_id = f"command-{len(self.asked)}"
        self.asked.append(command_id)
        payload = b'{"requestedMessage":"Heartbeat"}' if action == "TriggerMessage" else b"{}"
        command = Command(command_id, action, payload, timeout_s=5.0, deadline=self.now + wait)
        self.carry_out(self.session.command(command, self.now))

    @precondition(lambda self: self.in_work)
    @rule(how=st.sampled_from(["valid", "invalid", "error", "silent"]))
    def reply(self, how: str) -> None:
        correlation, (message_id, action) = self.in_work.popitem()
        if how == "silent":
            effects = self.session.replied_late(correlation, stored=True)
        else:
            error = OcppError(ErrorCode.INTERNAL_ERROR)
            replies = {"valid": orjson.dumps(REPLIES[action]), "invalid": b"[]", "error": error}
            effects = self.session.reply(correlation, replies[how])
        if self.session.state is State.OPEN:
            first = next(effect for effect in effects if isinstance(effect, SendText))
            assert orjson.loads(first.text)[1] == message_id
        self.carry_out(effects)

    @rule(correlation=st.integers(-1, 50))
    def stray_reply(self, correlation: int) -> None:
        if correlation not in self.in_work:
            effects = self.session.reply(correlation, b"{}")
            assert not [effect for effect in effects if not isinstance(effect, Notice)]

    @rule(seconds=st.integers(0, 6))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.carry_out(self.session.tick(self.now))
        due = self.session.next_deadline()
        assert due is None or due > self.now

    @rule(chance=st.sampled_from(range(80)))
    def end(self, chance: int) -> None:
        if chance == 20:
            self.carry_out(self.session.close(self.now))
            assert all(self.done[command_id] == 1 for command_id in self.asked)
        elif chance == 30:
            self.carry_out(self.session.receive_binary(self.now))

    # What always holds.

    @invariant()
    def each_command_ends_at_most_once(self) -> None:
        assert all(count == 1 for count in self.done.values())

    @invariant()
    def each_call_gets_exactly_one_answer(self) -> None:
        assert all(count <= self.calls[message_id] for message_id, count in self.answers.items())
        if self.session.state is State.OPEN and not self.in_work:
            assert self.answers == self.calls, "nothing waits while nothing is in work"

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.carry_out(self.session.close(self.now))
            assert self.done == Counter(self.asked)


TestSession = SessionMachine.TestCase
TestSession.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
