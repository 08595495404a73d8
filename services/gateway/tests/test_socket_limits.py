"""Sockets follow the process's limit of open files."""

import asyncio
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from csms_gateway.socket_limits import socket_limits
from csms_runtime import open_files
from csms_testing.scripted import basic, station
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from conftest import Start


def test_with_files_enough_all_that_is_configured_fits_silently() -> None:
    with capture_logs() as logs:
        limits = socket_limits(20_000, 1000, 1_000_000)
    assert (limits.stations, limits.tls_handshakes) == (20_000, 1000)
    assert [(log["log_level"], log["stations"]) for log in logs] == [("info", 20_000)]


@pytest.mark.parametrize(("is_chosen", "level"), [(True, "warning"), (False, "info")])
def test_less_room_than_was_chosen_is_a_warning_less_than_the_default_is_not(*, is_chosen: bool, level: str) -> None:
    with capture_logs() as logs:
        limits = socket_limits(20_000, 1000, 1024, is_chosen=is_chosen)
    assert [(log["log_level"], log["stations"]) for log in logs] == [(level, limits.stations)]


@pytest.mark.parametrize("files", [256, 1024, 4096, 20_000, 65_536])
def test_with_fewer_files_there_is_less_of_everything_and_some_are_left(files: int) -> None:
    with capture_logs() as logs:
        limits = socket_limits(100_000, 1000, files)
    assert 0 < limits.stations < limits.sockets
    left = files - limits.sockets - limits.tls_handshakes - 2 * open_files.for_http(files)
    assert left >= 32
    assert [log["stations"] for log in logs] == [limits.stations]


def test_without_room_there_is_no_start() -> None:
    with pytest.raises(ValueError, match="no room"):
        socket_limits(100, 100, 64)


FEW = 256


async def test_silent_clients_leave_files_for_stations(start: "Start", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "allowed", lambda: FEW)
    system = await start()
    limits = system.gateway._server._limits
    with ExitStack() as stack:
        for _ in range(3 * FEW):
            stack.enter_context(socket.create_connection(("127.0.0.1", system.gateway.port)))
            await asyncio.sleep(0)
        async with station(system.url("NEW"), headers=basic("NEW", "secret password 1")):
            await system.services.connection("NEW")
        assert system.gateway._server._silent._open <= limits.sockets
