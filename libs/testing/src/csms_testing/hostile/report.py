"""What an attacker did, and what it got for it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Report:
    """Counters of all stations of one attack."""

    connections: int = 0
    wire_bytes: int = 0
    """Sent after the handshakes."""
    answers: Counter[str] = field(default_factory=Counter)
    """"result", or the code of the CALLERROR."""
    closes: Counter[str] = field(default_factory=Counter)
    """Connections that the CSMS ended, by close code; "lost": without one."""
    refused: Counter[str] = field(default_factory=Counter)
    """Handshakes, by status line."""
    slowest_s: float = 0.0
    """The longest wait for an answer, where the kind waits for answers."""

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "connections": self.connections,
            "wire_kib": self.wire_bytes // 1024,
            "answers": dict(self.answers),
            "closes": dict(self.closes),
            "refused": dict(self.refused),
            "slowest_s": round(self.slowest_s, 2),
        }
