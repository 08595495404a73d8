"""Frames, and the sessions of connections."""

from collections import Counter, defaultdict

import orjson
from csms_ocpp import frames
from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.masked_frames import masked
from csms_ocpp.parsing import FrameError, head, parse
from csms_ocpp.session import (
    Command,
    CommandDone,
    Dispatch,
    Effect,
    HeartbeatReceived,
    Registration,
    SendText,
    Session,
    State,
)
from csms_ocpp.validation import tolerated, validate_request
from csms_ocpp.versions import VERSIONS, Protocol


def frame(data: bytes) -> None:
    """One frame of each version; what was read can be written, and reads the same again. Its log masks it once."""
    begins, shown = head(data), masked(Protocol.OCPP201, data).text
    assert masked(Protocol.OCPP201, shown).text == shown
    for version in VERSIONS.values():
        try:
            read = parse(data, version)
        except FrameError as error:
            assert len(error.message_id) <= frames.MAX_ID
            continue
        assert begins is None or begins.message_id in {"", read.message_id}, "the head is another one"
        again = parse(frames.encode(read), version)
        assert again == read, "what was written reads otherwise"
        assert frames.encode(again) == frames.encode(read)
        payload = getattr(read, "raw", None)
        assert payload is None or orjson.loads(payload) == read.payload, "the bytes are not those of the payload"


_COMMANDS = ("ClearCache", "GetVariables", "TriggerMessage", "GetReport", "Reset", "GetConfiguration")


class _Driver:
    """Drives a session as the gateway does, and keeps books on who is owed what."""

    def __init__(self, session: Session, *, lenient: bool) -> None:
        self.session = session
        self.lenient = lenient
        self.now = 0.0
        self.owed: Counter[str] = Counter()
        """Answers to the station, by message id."""
        self.commands: set[str] = set()
        self.done: Counter[str] = Counter()
        self.in_work: int | None = None
        self.correlations: set[int] = set()
        self.calls: defaultdict[str, list[object]] = defaultdict(list)
        """What the station's CALLs and SENDs say, by message id."""

    def receive(self, line: bytes) -> None:
        if self.session.state is State.OPEN:
            self._expect(line)
        self.take(self.session.receive_text(line, self.now))

    def _expect(self, line: bytes) -> None:
        try:
            read = parse(line, VERSIONS[self.session.protocol])
        except FrameError as error:
            self.owed[error.message_id] += error.answer
            return
        if isinstance(read, frames.Call):
            self.owed[read.message_id] += 1
        if isinstance(read, frames.Call | frames.Send):
            self.calls[read.message_id].append(read.payload)

    def command(self, payload: bytes) -> None:
        action = _COMMANDS[len(payload) % len(_COMMANDS)]
        command = Command(f"c{len(self.commands)}", action, payload, 30.0, self.now + 60)
        self.commands.add(command.id)
        self.take(self.session.command(command, self.now))

    def answer(self, answer: bytes | OcppError) -> None:
        correlation, self.in_work = self.in_work, None
        if correlation is not None:
            self.take(self.session.reply(correlation, answer))

    def answer_late(self, *, stored: bool) -> None:
        correlation, self.in_work = self.in_work, None
        if correlation is not None:
            self.take(self.session.replied_late(correlation, stored=stored))

    def pass_time(self) -> None:
        self.now += 20
        deadline = self.session.next_deadline()
        self.take(self.session.tick(self.now))
        assert deadline is None or deadline > self.now or self.session.next_deadline() != deadline

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, SendText):
                self._sent(effect.text)
            elif isinstance(effect, CommandDone):
                self.done[effect.id] += 1
                assert effect.payload is None or isinstance(orjson.loads(effect.payload), dict)
            elif isinstance(effect, Dispatch | HeartbeatReceived):
                self._begun(effect)

    def _begun(self, effect: Dispatch | HeartbeatReceived) -> None:
        assert effect.correlation not in self.correlations
        self.correlations.add(effect.correlation)
        if isinstance(effect, HeartbeatReceived):
            assert self.in_work is None
            self.in_work = effect.correlation
            return
        payload = orjson.loads(effect.payload)
        protocol, lenient = self.session.protocol, self.lenient
        problem = validate_request(protocol, effect.action, payload, outbound=False, lenient=lenient)
        if problem is not None or payload not in self.calls[effect.message_id]:
            assert lenient
            assert tolerated(protocol, effect.action, payload, response=False) is not None
        orjson.dumps(payload)  # services can write it
        if not effect.no_reply:
            assert self.in_work is None, "two CALLs in work at once"
            self.in_work = effect.correlation

    def _sent(self, text: str) -> None:
        kind, message_id, *rest = orjson.loads(text)
        assert 0 < len(message_id) <= frames.MAX_ID
        if kind == 2:
            assert message_id in self.commands
            return
        if kind == 5:
            assert self.session.protocol is Protocol.OCPP21
        else:
            self.owed[message_id] -= 1
            assert self.owed[message_id] >= 0, "an answer nobody asked for"
        if kind != 3:
            code, description, details = rest
            assert code in VERSIONS[self.session.protocol].spelling.values()
            assert len(description) <= 255
            assert details == {}

    def finish(self) -> None:
        while self.in_work is not None:
            self.answer(OcppError(ErrorCode.GENERIC_ERROR))
        if self.session.state is State.OPEN:
            assert not +self.owed, "a CALL was not answered"
        self.take(self.session.close(self.now))
        assert self.session.receive_text(b'[2,"x","Heartbeat",{}]', self.now) == []
        assert self.done == Counter(dict.fromkeys(self.commands, 1)), "a command did not end exactly once"


def session(data: bytes) -> None:
    """A whole connection, line by line: frames of the station; what begins with `!` is what its driver does.

    The first line names the version and the registration, and may say `lenient`.
    """
    head, *lines = data.split(b"\n")
    protocol = next((each for each in Protocol if each.value.encode() in head), Protocol.OCPP201)
    registration = next((each for each in Registration if each.value.encode() in head), Registration.ACCEPTED)
    lenient = b"lenient" in head
    driver = _Driver(Session(protocol, registration=registration, lenient=lenient), lenient=lenient)
    for line in lines[:50]:
        _step(driver, line)
    driver.finish()


def _step(driver: _Driver, line: bytes) -> None:
    verb, _, rest = line.partition(b" ")
    match verb:
        case b"!command":
            driver.command(rest)
        case b"!reply":
            driver.answer(rest)
        case b"!refuse":
            driver.answer(OcppError(ErrorCode.INTERNAL_ERROR, rest.decode(errors="replace")))
        case b"!stored" | b"!lost":
            driver.answer_late(stored=verb == b"!stored")
        case b"!tick":
            driver.pass_time()
        case b"!binary":
            driver.take(driver.session.receive_binary(driver.now))
        case _:
            driver.receive(line)
