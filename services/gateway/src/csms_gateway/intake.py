"""Takes what a station sends: charges it before it is worked on, and gives it to websockets one frame at a time.

One read may hold thousands of frames, and each frame may become megabytes. Bytes that may not be handled yet wait as
they came from the network, and no more are read.
"""

import asyncio
import time
from typing import TYPE_CHECKING

import structlog
from csms_runtime import metrics
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from csms_gateway.budget import FREE_BYTES
from csms_gateway.fragments import FragmentedMessage
from csms_gateway.frame_header import FrameHeader, read_header
from csms_gateway.rate import PRICE_OF_BYTE, PRICE_OF_CONNECTION, PRICE_OF_FRAME, TokenBucket
from csms_gateway.socket_context import Receiver, SocketContext
from csms_gateway.turns import Turns

if TYPE_CHECKING:
    from csms_gateway.socket import StationSocket

_log = structlog.get_logger(__name__)

_LIGHT_BYTES = 4096
"""A frame that is longer, or whose message so far is longer, may cost much to handle."""
_LIGHT_COMPRESSED_BYTES = 256
"""The same for a compressed frame, which may become a thousand times as long."""
_MOST_DUE = 4.0
"""Price, in small messages, from which the bucket is asked. To ask it for each message would cost too much."""
_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


class Intake:
    """The reading half of a `StationSocket`."""

    __slots__ = (
        "_at",
        "_bucket",
        "_context",
        "_deadline",
        "_due",
        "_header",
        "_in_line",
        "_input",
        "_kept",
        "_left",
        "_message",
        "_paused_until",
        "_protocol",
        "_pumping",
        "_receiver",
        "_reserved",
        "_resume",
        "_socket",
        "reading",
    )

    def __init__(self, socket: "StationSocket", protocol: ServerProtocol, context: SocketContext, now: float) -> None:
        self._socket = socket
        self._protocol = protocol
        self._context = context
        self._receiver: Receiver | None = None
        self._bucket = context.buckets.new(now)
        self._due = 0.0
        """Price of the station's work since the bucket was asked last."""
        self._paused_until = 0.0
        """Time from which the next frame may be handled, when the station owes; 0 when it owes nothing."""
        self._resume: asyncio.TimerHandle | None = None
        self._input = b""
        """Bytes that came. Those from `_at` on were not given to websockets yet."""
        self._at = 0
        self._header: FrameHeader | None = None
        """Header of the frame that is being read."""
        self._left = 0
        """Bytes of that frame that are still to be given to websockets."""
        self._message: FragmentedMessage | None = None
        """The message whose fragments are arriving."""
        self._reserved = 0
        """Bytes that the budget counts for the message that is arriving."""
        self._kept = 0
        """Bytes that the budget counts for messages that were handed over and are in work."""
        self._deadline: asyncio.TimerHandle | None = None
        """Ends a large message that takes too long."""
        self._pumping = False
        self._in_line = False
        """Whether this station waits for its turn, and for nothing else."""
        self.reading = True
        """Whether the socket is read. When it is not, nothing can be heard from the station."""

    @property
    def turns(self) -> Turns:
        """Shares the event loop among the stations."""
        return self._context.turns

    def charge_to(self, bucket: TokenBucket) -> None:
        """Charge the work to this bucket from now on."""
        self._pay(self._socket.loop.time())
        self._bucket = bucket
        self.charge(PRICE_OF_CONNECTION)

    def listen_to(self, receiver: Receiver) -> None:
        """Hand messages over from now on."""
        self._receiver = receiver
        self.go_on()

    def charge(self, price: float) -> None:
        """Charge work. `price` is in small messages. A station that owes is not listened to for a while."""
        self._due += price

    def _pay(self, now: float) -> None:
        if self._due:
            pause_s = self._bucket.take(now, self._due)
            self._due = 0.0
            if pause_s:
                self._paused_until = now + pause_s

    def receive(self, data: bytes) -> None:
        """Take bytes that came after the HTTP request."""
        self._input = self._input[self._at :] + data if self._at < len(self._input) else data
        self._at = 0
        if not self._in_line and self._context.turns.is_busy:  # other reasons to wait are looked at when its turn comes
            self._context.turns.wait(self)
            self._in_line = True
        self.go_on()

    def go_on(self) -> None:
        """Handle what waits, as far as that is allowed now. Never raises: the caller may serve other stations next."""
        if self._pumping:
            return
        if not self._in_line and self._at >= len(self._input) and self.reading and not self._socket.writing_paused:
            return  # nothing waits: so after most answers
        if self._protocol.state is State.CLOSED:
            return
        if self._in_line:
            if not self._context.turns.is_serving(self):
                self._read_while_in_line()
                return
            self._in_line = False
        self._pumping = True
        try:
            done = self._handle_frames()
            if self._in_line:
                self._read_while_in_line()
            elif not (done and self.reading) or self._socket.writing_paused:
                self.read(on=done and not self._socket.writing_paused)
        except Exception:  # noqa: BLE001 it concerns one connection, whose state nobody knows now
            _log.exception("connection failed")
            self._socket.abort()
        finally:
            self._pumping = False

    def _read_while_in_line(self) -> None:
        """Read on as long as little waits: the turn comes soon."""
        waits = len(self._input) - self._at
        self.read(on=waits <= _LIGHT_BYTES and not self._socket.writing_paused)

    def _handle_frames(self) -> bool:
        """Handle what may be handled now. Returns False when something is left for later."""
        while self._begin_frame():
            heavy = self._is_heavy()
            if not self._may_go_on(heavy=heavy):
                return False
            self._feed(heavy=heavy)
        return True

    def finish(self) -> None:
        """Handle what waits, for the last time: what the station may not have at once is dropped."""
        while not self._pumping and self._begin_frame() and self._is_listened_to() and not self._owes():
            self._feed(heavy=False)

    def close(self) -> None:
        """Release everything: the connection is gone."""
        for timer in (self._resume, self._deadline):
            if timer is not None:
                timer.cancel()
        self._pay(self._socket.loop.time())
        self._context.turns.forget(self)
        self._context.budget.forget(self)
        self._context.budget.give(self._reserved + self._kept)
        self._reserved = self._kept = 0

    def release(self) -> None:
        """Give back the room of messages that are done."""
        if self._kept:
            self._context.budget.give(self._kept)
            self._kept = 0

    def read(self, *, on: bool) -> None:
        """Read from the network, or not for now."""
        transport = self._socket.transport
        if on is not self.reading and not transport.is_closing():
            self.reading = on
            if on:
                transport.resume_reading()
            else:
                transport.pause_reading()

    def _begin_frame(self) -> bool:
        """Look at the header of the next frame. Returns False when none is there as a whole."""
        if self._at >= len(self._input) or self._socket.said_goodbye:
            self._input, self._at = b"", 0
            return False
        if not self._left:
            self._header = read_header(self._input, self._at)
            if self._header is None:
                return False
            self._left = self._header.length
        return True

    def _may_go_on(self, *, heavy: bool) -> bool:
        """Whether the next step may be taken. If not, somebody calls `go_on` when it may."""
        may_owe = self._due >= _MOST_DUE or self._paused_until  # a part of `_owes` that costs little for each message
        if self._socket.writing_paused or not self._is_listened_to() or (may_owe and self._owes()):
            self._context.budget.forget(self)  # those that wait behind it can use the room
            return False
        if not self._has_room():
            return False
        self._in_line = not self._context.turns.take(self, heavy=heavy)
        return not self._in_line

    def _is_listened_to(self) -> bool:
        state = self._protocol.state
        if state is State.OPEN:
            return self._receiver is not None and self._receiver.ready
        return state is State.CLOSING

    def _owes(self) -> bool:
        if self._due < _MOST_DUE and not self._paused_until:
            return False
        now = self._socket.loop.time()
        self._pay(now)
        pause_s = self._paused_until - now
        if pause_s <= 0:
            self._paused_until = 0.0
            return False
        if self._resume is None:
            metrics.GATEWAY_RATE_LIMITED.inc()
            self._resume = self._socket.loop.call_later(pause_s, self._pause_over)
            if self._receiver is not None:
                self._receiver.paused()
        return True

    def _pause_over(self) -> None:
        self._resume = None
        self.go_on()

    def _has_room(self) -> bool:
        """Whether a large message that begins finds room. From then on it has a deadline: the room must come back."""
        header = self._header
        if header is None or self._left != header.length:
            return True
        size = header.payload + (self._message.size if self._message is not None else 0)
        if size <= FREE_BYTES:
            inflates = header.may_be_compressed and size > _LIGHT_COMPRESSED_BYTES
            return not inflates or self._context.budget.let_pass(self)
        most = self._context.max_message_bytes  # nobody knows how many fragments follow
        wanted = min(size, most) if header.is_whole else most
        # Who has room never asks for more: stations that all have some could wait for each other for ever.
        if wanted <= self._reserved:
            return True
        if not self._context.budget.take(self, wanted - self._reserved):
            return False
        self._reserved = wanted
        if self._deadline is None:
            self._set_deadline()
        return True

    def _set_deadline(self) -> None:
        self._deadline = self._socket.loop.call_later(self._context.transfer_timeout_s, self._too_slow)

    def _too_slow(self) -> None:
        self._deadline = None
        if self._waits_for_us():
            self._set_deadline()
        elif self._left or self._message is not None:
            self._socket.fail(CloseCode.POLICY_VIOLATION, "the message takes too long")

    def _waits_for_us(self) -> bool:
        """Whether the delay is ours. When the station owes or takes nothing it is not, or it could keep its room."""
        owes = self._socket.loop.time() < self._paused_until
        return not self.reading and not owes and not self._socket.writing_paused

    def _is_heavy(self) -> bool:
        """Whether the next step may cost much: it completes a frame that is large or may become large."""
        header = self._header
        if header is None or self._left > len(self._input) - self._at:
            return False
        if self._message is not None and self._message.size > _LIGHT_BYTES:
            return True
        return header.length > (_LIGHT_COMPRESSED_BYTES if header.may_be_compressed else _LIGHT_BYTES)

    def _feed(self, *, heavy: bool) -> None:
        """Give websockets the rest of the frame, or the part of it that came."""
        began = time.perf_counter()
        end = min(self._at + self._left, len(self._input))
        data = self._input[self._at : end]
        self._left -= len(data)
        self._at = end
        self._due += len(data) * PRICE_OF_BYTE + (0.0 if self._left else PRICE_OF_FRAME)
        self._protocol.receive_data(data)
        if self._protocol.parser_exc is not None:
            self._forget_traceback()
        took = False
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode in _DATA:
                took = True
                if event.fin and self._message is None:
                    self._hand_over(event.opcode, bytes(event.data))
                else:
                    self._take_fragment(event)
        if not took:  # to a data frame the protocol answers nothing
            self._socket.flush()
        self._context.turns.spent(time.perf_counter() - began, heavy=heavy)

    def _forget_traceback(self) -> None:
        """Free the data of a frame that broke the rules: the traceback would keep it until garbage is collected."""
        error = self._protocol.parser_exc
        while error is not None:
            error.__traceback__ = None
            error = error.__context__  # type: ignore[assignment]  # an Exception's is one, too

    def _take_fragment(self, frame: Frame) -> None:
        message = self._message = self._message or FragmentedMessage(frame.opcode)
        if not message.add(frame):
            self._message = None
            self._socket.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
        elif frame.fin:
            self._message = None
            self._hand_over(message.opcode, bytes(message.data))

    def _hand_over(self, opcode: Opcode, data: bytes) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        receiver = self._receiver
        if receiver is None or self._protocol.state is not State.OPEN:
            return
        if opcode is Opcode.BINARY:
            receiver.receive_binary()
        elif data.isascii() or _is_utf8(data):
            if self._reserved or len(data) > FREE_BYTES:
                self._keep(len(data))
            receiver.receive_text(data)
        else:
            self._socket.fail(CloseCode.INVALID_DATA, "not UTF-8")
        if self._kept and receiver.settled:
            self.release()

    def _keep(self, size: int) -> None:
        """Count the real size of a message, in bytes, in place of the size that was reserved."""
        kept = size if size > FREE_BYTES else 0
        self._context.budget.add(kept)
        self._context.budget.give(self._reserved)
        self._kept, self._reserved = self._kept + kept, 0


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
