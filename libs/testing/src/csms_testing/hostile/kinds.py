"""All kinds of attack, by group."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from csms_testing.hostile import bombs, doors, heavy, large, odd
from csms_testing.hostile.attack import Tactic
from csms_testing.hostile.frames import Opcode, compressed, frame
from csms_testing.hostile.message import Message
from csms_testing.hostile.tactics import answering, asked, flood, once, pipelined

FRAMES, BOMBS, HEAVY, LARGE, ANSWERS, DOORS = "frames", "bombs", "heavy", "large", "answers", "doors"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of attack. `tactic` makes the frames, which takes seconds."""

    name: str
    group: str
    what: str
    tactic: Callable[[], Tactic]
    stations: int = 1
    pending: bool = False
    """The station is registered, and not accepted."""
    commanded: bool = False
    """It attacks in answer to commands: somebody has to send it some."""
    known: bool = True
    """The CSMS knows the station and its password; else it is somebody at the door."""
    waiting_mib: float = 0.0
    """Of the messages themselves, where so many stations send large ones that they wait in the gateway."""


def _frames(action: str, payload: bytes, count: int = 2000) -> list[bytes]:
    message = Message.call(action, payload)
    return [message.plain(f"h{number}") for number in range(count)]


_HEARTBEATS = partial(_frames, "Heartbeat", b"{}")
_EMPTY = frame(b"", Opcode.CONTINUATION, final=False)
_ONE = frame(b"a", Opcode.CONTINUATION, final=False)
_OPENING = frame(b"[", final=False)
_DEFLATED_OPENING = frame(compressed(b"["), final=False, deflated=True)
_BROKEN = (
    frame(b"[]", masked=False),
    frame(b"", Opcode.RESERVED),
    frame(b"", length=2**62),
    frame(b"\xff\xfe"),
    frame(b"not deflated at all", deflated=True),
    frame(b"p" * 126, Opcode.PING),
)


def _frame_kinds() -> list[Kind]:
    def kind(name: str, what: str, tactic: Callable[[], Tactic], stations: int = 1, *, pending: bool = False) -> Kind:
        return Kind(name, FRAMES, what, tactic, stations, pending)

    pongs, pings = [frame(b"", Opcode.PONG)], [frame(b"p" * 125, Opcode.PING)]
    status = b'{"timestamp":"2026-01-01T00:00:00Z","connectorStatus":"Available","evseId":1,"connectorId":1}'
    return [
        kind("calls", "Heartbeats as fast as the socket takes them", lambda: flood(_HEARTBEATS())),
        kind("calls-20", "the same by 20 stations", lambda: flood(_HEARTBEATS()), 20),
        kind(
            "calls-pending",
            "the same by 3 stations that are not accepted",
            lambda: flood(_HEARTBEATS()),
            3,
            pending=True,
        ),
        kind(
            "statuses",
            "StatusNotifications as fast as the socket takes them",
            lambda: flood(_frames("StatusNotification", status)),
        ),
        kind("unread", "Heartbeats by 3 stations that read no answer", lambda: flood(_HEARTBEATS(), read=False), 3),
        kind("garbage", "frames that are no JSON", lambda: flood([frame(b"x")])),
        kind("binary", "binary frames", lambda: flood([frame(b"[]", Opcode.BINARY)])),
        kind("unknown", "actions that nobody knows", lambda: flood(_frames("Nope", b"{}"))),
        kind(
            "send",
            "SEND messages, which only OCPP 2.1 has",
            lambda: flood([frame(b'[6,"1","NotifyPeriodicEventStream",{}]')]),
        ),
        kind("pings", "pings of 125 bytes", lambda: flood(pings)),
        kind("pongs", "pongs nobody asked for", lambda: flood(pongs)),
        kind("pongs-3", "the same by 3 stations", lambda: flood(pongs), 3),
        kind("pongs-pending", "the same by a station that is not accepted", lambda: flood(pongs), pending=True),
        kind("closes", "close frames, and back again", lambda: once([frame(b"\x03\xe8", Opcode.CLOSE)])),
        kind("empty-fragments", "a message of endless empty fragments", lambda: flood([_EMPTY], first=_OPENING)),
        kind("small-fragments", "a message of endless fragments of one byte", lambda: flood([_ONE], first=_OPENING)),
        kind(
            "deflated-fragments", "the same, compressed", lambda: flood([_EMPTY], first=_DEFLATED_OPENING, deflate=True)
        ),
        kind("broken", "frames that break the protocol, and back again", lambda: once(_BROKEN, deflate=True)),
    ]


def _bomb_kinds() -> list[Kind]:
    kinds = [
        Kind(name, BOMBS, what, lambda make=make: pipelined(make()))  # type: ignore[misc]  # the loop's value
        for name, (what, make) in bombs.BOMBS.items()
    ]
    events, arrays = bombs.BOMBS["bomb-events-within"][1], bombs.BOMBS["bomb-arrays-within"][1]
    return [
        *kinds,
        Kind("bomb-too-large", BOMBS, "frames that unpack to 80 MiB", lambda: once([bombs.too_large()], deflate=True)),
        Kind("bomb-events-3", BOMBS, "3 stations with NotifyEvents of wrong items", lambda: pipelined(events()), 3),
        Kind("bomb-arrays-20", BOMBS, "20 stations with 97,000 []", lambda: pipelined(arrays()), 20),
        Kind(
            "bomb-pending",
            BOMBS,
            "3 stations that are not accepted, 97,000 []",
            lambda: pipelined(arrays()),
            3,
            pending=True,
        ),
    ]


def _heavy_kinds() -> list[Kind]:
    kinds = [
        Kind(name, HEAVY, what, lambda make=make: asked(make()))  # type: ignore[misc]  # the loop's value
        for name, (what, make) in heavy.HEAVY.items()
    ]
    states = heavy.HEAVY["heavy-connectors"][1]
    return [
        *kinds,
        Kind("heavy-connectors-3", HEAVY, "3 stations with 4,000 connectors each", lambda: asked(states()), 3),
    ]


def _large_kinds() -> list[Kind]:
    kinds = [
        Kind(name, LARGE, what, lambda make=make: asked(make()))  # type: ignore[misc]  # the loop's value
        for name, (what, make) in large.LARGE.items()
    ]
    transactions = large.LARGE["large-transaction"][1]
    return [
        *kinds,
        Kind("large-answers", LARGE, "CALLRESULTs of 4 MiB", lambda: answering(large.answers()), commanded=True),
        Kind(
            "large-transaction-20",
            LARGE,
            "20 stations with TransactionEvents of 4 MiB",
            lambda: asked(transactions()),
            20,
            waiting_mib=80.0,
        ),
    ]


def _answer_kinds() -> list[Kind]:
    return [
        Kind(
            "odd-values",
            ANSWERS,
            "NULs, surrogates, numbers beyond 64 bits in all fields",
            lambda: asked(odd.odd_calls()),
        ),
        Kind("grown-numbers", ANSWERS, "numbers that are longer when written out", lambda: asked(odd.grown())),
        Kind(
            "odd-results", ANSWERS, "CALLRESULTs that are bombs", lambda: answering(odd.odd_results()), commanded=True
        ),
        Kind(
            "odd-errors",
            ANSWERS,
            "CALLERRORs with NULs and megabytes",
            lambda: answering(odd.odd_errors()),
            commanded=True,
        ),
    ]


def _door_kinds(connections: int) -> list[Kind]:
    def kind(name: str, what: str, tactic: Callable[[], Tactic]) -> Kind:
        return Kind(name, DOORS, what, tactic, known=False)

    return [
        kind("idle", f"{connections} connections that say nothing", lambda: doors.silent(connections)),
        kind(
            "half-requests", f"{connections} halves of a request", lambda: doors.silent(connections, doors.HALF_REQUEST)
        ),
        kind(
            "half-hellos", f"{connections} halves of a ClientHello", lambda: doors.silent(connections, doors.HALF_HELLO)
        ),
        kind("drip", f"{connections} requests of a byte a second", lambda: doors.silent(connections, drip=b"G")),
        kind("endless-head", "request heads without end", doors.endless_head),
        kind("guessing", "20 wrong passwords at a time", lambda: doors.guessing(20)),
        kind("strangers", "20 handshakes at a time, a new identity each", lambda: doors.strangers(20)),
    ]


def kinds(connections: int = 2000) -> Sequence[Kind]:
    """All kinds; those at the door with so many connections."""
    return [
        *_frame_kinds(),
        *_bomb_kinds(),
        *_heavy_kinds(),
        *_large_kinds(),
        *_answer_kinds(),
        *_door_kinds(connections),
    ]


def chosen(name: str, connections: int = 2000) -> Kind:
    """The kind of that name. Raises KeyError."""
    return {kind.name: kind for kind in kinds(connections)}[name]
