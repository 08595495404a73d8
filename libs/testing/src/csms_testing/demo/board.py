"""What the demonstration shows: collected from every message, rendered later."""

import time
from collections import deque
from dataclasses import dataclass, field

from csms_runtime.texts import for_terminal

from csms_testing.simulator.frames import Call, CallError, Frame
from csms_testing.simulator.run import describe
from csms_testing.simulator.stats import Direction

_LOG_LINES = 200
_LONGEST_LINE = 160
_ROUTINE = ("Heartbeat", "MeterValues")


@dataclass(slots=True)
class Board:
    """Observes all stations. Keeps little per message, since there are many and only the last ones are looked at."""

    last_message: dict[str, str] = field(default_factory=dict)
    """By station: what it last sent or got."""
    news: deque[str] = field(default_factory=lambda: deque(maxlen=_LOG_LINES))
    """What happened on the site, in words."""
    sessions: int = 0
    energy_wh: float = 0.0
    cards_refused: int = 0
    commands: int = 0
    """Commands sent through the HTTP API."""
    command_failures: int = 0
    _frames: deque[tuple[float, str, Direction, Frame]] = field(default_factory=lambda: deque(maxlen=_LOG_LINES))

    def __call__(self, station_id: str, direction: Direction, frame: Frame) -> None:
        """See one message (a FrameObserver)."""
        if isinstance(frame, Call):
            self.last_message[station_id] = for_terminal(("→ " if direction == "sent" else "← ") + frame.action)
        if isinstance(frame, Call | CallError) and not (isinstance(frame, Call) and frame.action in _ROUTINE):
            self._frames.append((time.time(), station_id, direction, frame))

    def tell(self, text: str) -> None:
        """Note what happened on the site."""
        self.news.append(f"{_clock(time.time())}  {for_terminal(text)}")

    def messages(self, count: int) -> list[str]:
        """The last messages as lines, oldest first; answers and heartbeats are left out."""
        return [_line(*entry) for entry in list(self._frames)[-count:]]


def _line(moment: float, station_id: str, direction: Direction, frame: Frame) -> str:
    arrow = "→" if direction == "sent" else "←"
    return f"{_clock(moment)}  {station_id} {arrow} {describe(frame)}"[:_LONGEST_LINE]


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))
