"""Pytest plugin: how tests share processes (pytest-xdist, `-n 2 --dist loadgroup`). The root conftest.py names it.

The tests of a file stay together, and so do all tests of a running system in one mode: what they need is started once.
Tests marked `alone` measure time or break processes: while they run, the other processes wait.
"""

import fcntl
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest


class Worker:
    """What one of several processes does. Blocks until a test may run; that time is not the test's."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self._turn = (directory / "tests.turn").open("w")
        """Locked by who waits, so that whoever comes first enters first."""
        self._room = (directory / "tests.room").open("w")
        """Locked by those whose tests run."""
        self._kept = False

    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        """Say which tests stay together."""
        for item in items:
            item.add_marker(pytest.mark.xdist_group(_group(item)))

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

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Take the group out of the test's name, where xdist has put it."""
        report = yield
        name, at, group = report.nodeid.rpartition("@")
        if at and "]" not in group:
            report.nodeid = name
        return report

    def pytest_unconfigure(self) -> None:
        """Close the files."""
        self._turn.close()
        self._room.close()

    def _enter(self, how: int) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        fcntl.flock(self._room, how)
        fcntl.flock(self._turn, fcntl.LOCK_UN)


def _group(item: pytest.Item) -> str:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    mode = parameters.get("system")
    return mode if isinstance(mode, str) else item.nodeid.partition("::")[0]


def _alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def pytest_configure(config: pytest.Config) -> None:
    """Do nothing in a run of one process."""
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(Worker(config.rootpath / ".cache"), "worker")
