"""What all tests share."""

import gc

import pytest
import structlog

pytest_plugins = ["csms_testing.fixtures", "csms_testing.parallel"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give a process whole files, and all tests of the running system in one mode; the largest come first."""
    from csms_testing.parallel import group_of  # noqa: PLC0415 the plugin is loaded later
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 needed only with `-n`

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Scheduling(config, log)


def pytest_collection_finish() -> None:
    """Take what was collected out of garbage collections: each would take a second, in the middle of a measurement."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup() -> None:
    """Write tracebacks plainly: those that structlog writes by default name all locals, and take seconds each."""
    if not structlog.is_configured():
        *others, _ = structlog.get_config()["processors"]
        plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
        structlog.configure(processors=[*others, plain])
