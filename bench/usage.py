"""What processes use: CPU time and memory, from /proc (Linux only)."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from bench.systems import Target

_TICKS = os.sysconf("SC_CLK_TCK")
_PPID, _USER, _SYSTEM, _USER_OF_ENDED, _SYSTEM_OF_ENDED = 1, 11, 12, 13, 14
"""Fields of /proc/PID/stat behind the command's name."""


def _stat(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _exact_cpu_seconds(pid: int) -> float:
    """Of all threads, to the nanosecond where the kernel tells it."""
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int(thread.joinpath("schedstat").read_text().split()[0])
    return total / 1e9


def cpu_seconds(pid: int) -> float:
    """CPU time a process has used so far; 0 when it has ended."""
    try:
        return _exact_cpu_seconds(pid)
    except (OSError, ValueError, IndexError):
        fields = _stat(pid)
        return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS if fields else 0.0


def children(pid: int) -> list[int]:
    """The processes it has started itself."""
    every = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [one for one in every if (fields := _stat(one)) and int(fields[_PPID]) == pid]


def cpu_seconds_of_ended(pid: int) -> float:
    """CPU time that its children used which have ended."""
    fields = _stat(pid)
    return (int(fields[_USER_OF_ENDED]) + int(fields[_SYSTEM_OF_ENDED])) / _TICKS if fields else 0.0


def cpu_by_part(target: Target) -> dict[str, float]:
    """CPU seconds so far, by process; PostgreSQL with its children."""
    used = {name: cpu_seconds(pid) for name, pid in (target.pids | target.stores).items()}
    if "postgres" in target.stores:
        server = target.stores["postgres"]
        used["postgres"] += sum(map(cpu_seconds, children(server))) + cpu_seconds_of_ended(server)
    return used


def memory_bytes(pid: int) -> int:
    """Memory of its own: resident, without what it shares (Pss)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no Pss in smaps_rollup")


def per_message_us(before: dict[str, float], after: dict[str, float], messages: int) -> dict[str, float]:
    """CPU microseconds per message, by process."""
    return {name: (after[name] - before[name]) / max(1, messages) * 1e6 for name in after if name in before}


def total(parts: dict[str, float], names: Iterable[str] | None = None) -> float:
    """Sum over processes."""
    return sum(parts.values()) if names is None else sum(parts[name] for name in names)
