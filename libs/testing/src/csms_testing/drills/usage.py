"""What processes use: memory and processor time from /proc, room on disk."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import asyncpg

from csms_testing.drills.arena import Arena

_MIB = 1024 * 1024
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_RESET_PEAK = "5"
"""Written to clear_refs: begin the peak of the resident memory anew (proc(5))."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a process, in bytes."""

    now: int
    peak: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Read it. Raises OSError when the process has ended."""
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return cls(*(int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")))


def forget_peak(pid: int) -> None:
    """Let the peak begin anew. Raises OSError."""
    Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, in seconds. Raises OSError."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def waited_s(pid: int) -> float:
    """How long a process's main thread could have run, but had no processor, in seconds. Raises OSError."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


@dataclass(slots=True)
class Usage:
    """What a system uses more than when this was made."""

    arena: Arena
    memory: dict[str, int]
    cpu: dict[str, float]
    waited: dict[str, float]
    database: int
    bus: int

    @classmethod
    async def of(cls, arena: Arena) -> Self:
        """Begin to measure. Raises OSError when a process ends meanwhile."""
        pids = _pids(arena)
        for pid in pids.values():
            forget_peak(pid)
        memory = {name: Memory.of(pid).now for name, pid in pids.items()}
        cpu = {name: cpu_s(pid) for name, pid in pids.items()}
        waited = {name: waited_s(pid) for name, pid in pids.items()}
        return cls(arena, memory, cpu, waited, *await _disk(arena))

    async def grown(self) -> dict[str, object]:
        """How far each process's memory rose at most (MiB), its processor time and wait for it (s), disk (MiB).

        Raises OSError when a process has ended.
        """
        pids = _pids(self.arena)
        memory = {name: round((Memory.of(pid).peak - self.memory[name]) / _MIB, 1) for name, pid in pids.items()}
        cpu = {name: round(cpu_s(pid) - self.cpu[name], 1) for name, pid in pids.items()}
        waited = {name: round(waited_s(pid) - self.waited[name], 1) for name, pid in pids.items()}
        database, bus = await _disk(self.arena)
        return {
            "memory_mib": memory,
            "cpu_s": cpu,
            "cpu_wait_s": waited,
            "database_mib": round((database - self.database) / _MIB, 1),
            "bus_mib": round((bus - self.bus) / _MIB, 1),
        }


def _pids(arena: Arena) -> dict[str, int]:
    return {name: process.pid for name, process in arena.processes.items() if process.pid is not None}


async def _disk(arena: Arena) -> tuple[int, int]:
    """Bytes of the database, and of Kafka's logs (0 in standalone mode)."""
    if arena.postgres is None:
        directory = Path(arena.processes["standalone"].environment["CSMS_DATA_DIR"])
        return await asyncio.to_thread(_size, directory), 0
    connection = await asyncpg.connect(arena.postgres.url, timeout=10)
    try:
        database: int = await connection.fetchval("SELECT pg_database_size(current_database())")
    finally:
        await connection.close()
    return database, await asyncio.to_thread(_size, arena.directory / "kafka")


def _size(directory: Path) -> int:
    """Blocks that files take: Kafka and SQLite leave holes in theirs."""
    return sum(_blocks(path) for path in directory.rglob("*"))


def _blocks(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except FileNotFoundError:  # SQLite and Kafka remove files at any time
        return 0
