"""Where the figures of a run are kept, and under which circumstances they came about."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

DIRECTORY = Path(__file__).parent / "results"
_PACKAGES = ("websockets", "ocpp", "uvloop", "sqlalchemy", "aiokafka", "asyncpg", "protobuf")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def about(options: dict[str, Any]) -> dict[str, Any]:
    """The machine, the versions, the options."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "load_before": round(os.getloadavg()[0], 2),
        "options": options,
    }


def keep(name: str, found: dict[str, Any]) -> Path:
    """Write a result set as JSON."""
    DIRECTORY.mkdir(exist_ok=True)
    target = DIRECTORY / f"{name}.json"
    target.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    return target


def load(name: str) -> dict[str, Any]:
    """Read a result set. Raises FileNotFoundError."""
    found: dict[str, Any] = orjson.loads((DIRECTORY / f"{name}.json").read_bytes())
    return found
