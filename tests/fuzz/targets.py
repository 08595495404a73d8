"""What is fuzzed: each target takes bytes, runs them through what reads input from outside, and checks what holds.

A target raises nothing but AssertionError, and that only when something is wrong. All are pure, and fast: thousands of
runs a second. `python tests/fuzz/run.py` searches for input that breaks them; `test_corpus.py` replays what is kept.

Input that takes more time or memory than any may is wrong too: one station's must not hold up the others. What is as
large as it may be comes from `large`, whose input says how to make it.
"""

import re
import resource
import time as clock
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from ipaddress import ip_network
from typing import Any, cast
from urllib.parse import quote

import orjson
from csms.v1.auth_pb2 import ConnectionRequest
from csms_auth import messages
from csms_auth.domain.connections import Allowed, Rules, decide
from csms_auth.domain.stations import Registration as Registered
from csms_auth.domain.stations import Station
from csms_auth.ocsp.question import BadResponse, Question
from csms_auth.pki import csr
from csms_auth.pki.ports import CertificateType
from csms_gateway.handshake import Refusal, identity, opening
from csms_gateway.proxy import ProxyRules, Visitor, behind
from csms_ocpp import fitness, frames
from csms_ocpp.cost import BYTES_PER_VALUE, MAX_STRUCTURE, is_too_much, structure
from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.parsing import FrameError, parse
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
from csms_ocpp.station_ids import fault_of
from csms_ocpp.times import format_datetime, parse_datetime
from csms_ocpp.validation import all_violations_request, tolerated, validate_request, validate_response
from csms_ocpp.versions import VERSIONS, Protocol
from csms_runtime.settings import UnknownStations
from csms_transactions.protocols import ocpp201
from websockets.exceptions import InvalidHeader, SecurityError
from websockets.http11 import Request
from websockets.streams import StreamReader

# ---- Frames ----------------------------------------------------------------------------------------------------------


def frame(data: bytes) -> None:
    """One frame of each version; what was read can be written, and reads the same again."""
    for version in VERSIONS.values():
        try:
            read = parse(data, version)
        except FrameError as error:
            assert len(error.message_id) <= frames.MAX_ID
            continue
        again = parse(frames.encode(read), version)
        assert again == read, "what was written reads otherwise"
        assert frames.encode(again) == frames.encode(read)
        payload = getattr(read, "raw", None)
        assert payload is None or orjson.loads(payload) == read.payload, "the bytes are not those of the payload"


# ---- Sessions --------------------------------------------------------------------------------------------------------

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


# ---- Payloads --------------------------------------------------------------------------------------------------------


def payload(data: bytes) -> None:
    """A line with a version and an action, and a payload: validated as request and response, either way."""
    head, _, text = data.partition(b"\n")
    version, _, action = head.decode(errors="replace").partition(" ")
    try:
        value = orjson.loads(text)
    except ValueError:
        return
    protocol = next((each for each in Protocol if each.value == version), Protocol.OCPP201)
    for check in (validate_request, validate_response):
        for outbound, lenient in ((True, False), (False, False), (False, True)):
            try:
                violation = check(protocol, action, value, outbound=outbound, lenient=lenient)
            except KeyError as error:  # the documented one: no such message
                assert error.args == (action,)
                continue
            assert violation is None or 0 < len(violation.description) < 2_000


def transaction(data: bytes) -> None:
    """A TransactionEvent or MeterValues of 2.0.1 that a gateway takes at its most lenient, as transactions reads it."""
    try:
        value = orjson.loads(data)
    except ValueError:
        return
    if not isinstance(value, dict) or fitness.unfit(value, data) is not None:
        return
    event = tolerated(Protocol.OCPP201, "TransactionEvent", value, response=False)
    if event is not None:
        _understood(lambda: ocpp201.transaction_event(cast("dict[str, Any]", event.payload)))
    values = tolerated(Protocol.OCPP201, "MeterValues", value, response=False)
    if values is not None:
        _understood(lambda: ocpp201.meter_values_as_sent(orjson.dumps(values.payload)))


def _understood(read: Callable[[], object]) -> None:
    try:
        read()
    except OcppError as error:
        assert error.code is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION


def time(data: bytes) -> None:
    """A date-time as stations write them; what was read is written as the standard wants it."""
    text = data.decode(errors="replace")
    try:
        read = parse_datetime(text)
    except ValueError:
        return
    assert read.utcoffset() is not None
    assert not read.utcoffset(), "not in UTC"
    again = parse_datetime(format_datetime(read))
    assert abs((again - read).total_seconds()) < 0.001


# ---- Handshakes ------------------------------------------------------------------------------------------------------

_PROTOCOLS = ("ocpp2.1", "ocpp2.0.1", "ocpp1.6")
_RULES = ProxyRules(trusted=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")))
_TRUSTED, _STRANGER = Visitor("10.0.0.1"), Visitor("192.0.2.1")


def handshake(data: bytes) -> None:
    """The bytes of a request to connect, as the HTTP parser hands them on; also those of a proxy."""
    request = _request(data)
    if request is None:
        return
    path, headers = request.path, request.headers
    try:
        wanted = opening(path, headers.get_all("Sec-WebSocket-Protocol"), headers.get_all("Authorization"), _PROTOCOLS)
    except Refusal as refusal:
        assert 400 <= refusal.status < 500
        assert len(refusal.text) < 200
    else:
        assert not fault_of(wanted.station_id)
        assert wanted.station_id.isprintable()
        assert not set(wanted.station_id) & set(":/")
        assert identity("/" + quote(wanted.station_id, safe="")) == wanted.station_id
        assert wanted.protocol in _PROTOCOLS
        assert (wanted.password is not None) == bool(headers.get_all("Authorization"))
    assert behind(_STRANGER, headers, _RULES) == _STRANGER, "a stranger's headers were believed"
    visitor = behind(_TRUSTED, headers, _RULES)
    assert len(visitor.address) <= 64
    assert visitor.tls or not visitor.certificate


def _request(data: bytes) -> Request | None:
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    parsing = Request.parse(reader.read_line)
    try:
        while True:
            next(parsing)
    except StopIteration as done:
        request: Request = done.value
        return request
    except (EOFError, ValueError, SecurityError, InvalidHeader):  # what websockets itself refuses
        return None


# ---- Certificates ----------------------------------------------------------------------------------------------------


def signing_request(data: bytes) -> None:
    """The CSR of a SignCertificate; a signed one is for the station alone."""
    text = data.decode(errors="replace")
    for kind in CertificateType:
        try:
            request = csr.signing_request(text, kind, station_id="CS1", serial_number="SN1", organization="CSMS")
        except csr.BadCsr as error:
            assert len(str(error)) < 200
            continue
        assert request.common_name == "SN1"
        assert request.csr.is_signature_valid


_STATION = Station("CS1", security_profile=3, serial_number="SN1", registration=Registered.ACCEPTED)
_CONNECTION_RULES = Rules(UnknownStations.REJECT, datetime(2026, 11, 1, tzinfo=UTC), organization="CSMS")


def certificate(data: bytes) -> None:
    """The certificate (DER) that a station showed, and auth's decision."""
    attempt = messages.attempt("CS1", ConnectionRequest(security_profile=3, client_certificate=data))
    decision = decide(attempt, _STATION, _CONNECTION_RULES)
    messages.connection_decision("1", decision).SerializeToString()
    if isinstance(decision, Allowed):
        assert re.search(r"(?<![\w-])SN1(?![\w-])", decision.common_name)
    else:
        assert decision.http_status == HTTPStatus.FORBIDDEN


_QUESTION = Question("http://ocsp.example.org", "SHA256", bytes(32), bytes(32), 1)


def ocsp_response(data: bytes) -> None:
    """What an OCSP responder, whose address came from a station, answers (DER)."""
    try:
        until = _QUESTION.check(data, datetime.now(UTC))
    except BadResponse as error:
        assert len(str(error)) < 200
    else:
        assert until is None or until.utcoffset() is not None


# ---- As large as may be ----------------------------------------------------------------------------------------------

_MAX_BYTES = 4 * 1024 * 1024
"""Of a message (CSMS_MAX_MESSAGE_BYTES), and of a body."""
_ASKING = b'{"getVariableData":[{"component":{"name":"a"},"variable":{"name":"b"}}]}'


def large(data: bytes) -> None:
    """A message of 4 MiB: lines that say what for, a frame or body with "@" in it, what stands there often, and last.

    The first line is words: a version, `lenient`, `body` for one of the API, `text` for "@" within a string,
    `few` for as many values as a message may have.
    """
    words, template, unit, last, *_ = [*data.split(b"\n"), b"", b"", b""]
    message = _expanded(template, unit, last, text=b"text" in words, few=b"few" in words)
    protocol = next((each for each in Protocol if each.value.encode() in words), Protocol.OCPP201)
    if b"body" in words:
        _refused(protocol, message)
    else:
        bounded(lambda: _received(protocol, message, lenient=b"lenient" in words))


def _received(protocol: Protocol, message: bytes, *, lenient: bool) -> float:
    """Take a message as the gateway does, in steps. Returns how long the longest took, in seconds."""
    tried = Session(protocol, registration=Registration.ACCEPTED, lenient=lenient)
    tried.command(Command("c", "GetVariables", _ASKING, 30.0, 60.0), 0.0)
    reading, effects, longest = tried.reading(message, 1.0), None, 0.0
    while effects is None:
        began = clock.process_time()
        try:
            next(reading)
        except StopIteration as done:
            effects = done.value
        longest = max(longest, clock.process_time() - began)
    for effect in effects:
        assert not isinstance(effect, SendText) or len(effect.text) < 2_000
        assert not isinstance(effect, CommandDone) or len(effect.error.details if effect.error else b"") < 20_000
    tried.close(2.0)
    return longest


def _expanded(template: bytes, unit: bytes, last: bytes, *, text: bool, few: bool) -> bytes:
    head, _, tail = template.partition(b"@" if text else b'"@"')
    between = b"" if text else b","
    fixed, each = len(head + last + tail), len(unit + between)
    count = max(_MAX_BYTES - fixed, 0) // max(each, 1)
    if few and each < BYTES_PER_VALUE * structure(unit + between):
        room = MAX_STRUCTURE - structure(head + last + tail)
        count = min(count, max(room, 0) // (structure(unit + between) or 1))
    return (
        head + (unit + between) * count + last + tail if last else head + unit + (between + unit) * (count - 1) + tail
    )


def _refused(protocol: Protocol, body: bytes) -> None:
    if is_too_much(body):
        return
    try:
        value = orjson.loads(body)
    except ValueError:
        return

    def checked() -> None:
        assert len(all_violations_request(protocol, "SetVariables", value)) <= 100

    bounded(checked)


# ---- Time and memory -------------------------------------------------------------------------------------------------

most_s = 0.05
"""CPU time that any input may take; what takes more is a finding."""
_MOST_KIB = 64 * 1024
"""By how much one input may raise the most memory that this process ever had: for its values and their copies."""
_TRIES = 5


def bounded(run: Callable[[], float | None]) -> None:
    """Run something and fail when it takes too much. Others use the machine too, so the best of some tries counts.

    What `run` returns counts as its time, in seconds.
    """
    for _ in range(_TRIES):
        memory, began = _peak_kib(), clock.process_time()
        longest = run()
        took, grown = clock.process_time() - began if longest is None else longest, _peak_kib() - memory
        assert grown <= _MOST_KIB, f"memory grew by {grown} KiB"
        if took <= most_s:
            return
    raise AssertionError(f"took {took * 1000:.0f} ms of CPU")


def _small(run: Callable[[bytes], None], data: bytes) -> None:
    bounded(lambda: run(data))


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


_SMALL = (frame, session, payload, transaction, time, handshake, signing_request, certificate, ocsp_response)
TARGETS: dict[str, Callable[[bytes], None]] = {run.__name__: partial(_small, run) for run in _SMALL} | {"large": large}
ABOUT = {run.__name__: (run.__doc__ or "").splitlines()[0] for run in (*_SMALL, large)}
