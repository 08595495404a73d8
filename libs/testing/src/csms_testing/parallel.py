"""Pytest plugin: how tests share processes (pytest-xdist, `-n 2`). The root conftest.py names it.

The tests of a file stay together, and so do all tests of a running system in one mode: what they need is started once.
Tests marked `alone` measure time or break processes: while they run, the other processes wait.
"""

import fcntl
import re
from collections.abc import Generator
from pathlib import Path

import pytest

_MODE = re.compile(r"tests/.*\[.*?(standalone|distributed)")


class Worker:
    """What one of several processes does. Blocks until a test may run; that time is not the test's."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self._turn = (directory / "tests.turn").open("w")
        """Locked by who waits, so that whoever comes first enters first."""
        self._room = (directory / "tests.room").open("w")
        """Locked by those whose tests run."""
        self._kept = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Enter before the test is set up, leave after it; tests that are alone follow each other without a pause."""
        alone = _alone(item)
        if not self._kept:
            self._enter(fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        try:
            return (yield)
        finally:
            self._kept = alone and nextitem is not None and _alone(nextitem)
            if not self._kept:
                fcntl.flock(self._room, fcntl.LOCK_UN)

    def pytest_unconfigure(self) -> None:
        """Close the files."""
        self._turn.close()
        self._room.close()

    def _enter(self, how: int) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        fcntl.flock(self._room, how)
        fcntl.flock(self._turn, fcntl.LOCK_UN)


def group_of(name: str) -> str:
    """Return the tests that this one (pytest's node id) stays with: its file, or those of the running system's mode."""
    mode = _MODE.match(name)
    return mode[1] if mode else name.partition("::")[0]


def _alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def pytest_configure(config: pytest.Config) -> None:
    """Do nothing in a run of one process."""
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(Worker(config.rootpath / ".cache"), "worker")
