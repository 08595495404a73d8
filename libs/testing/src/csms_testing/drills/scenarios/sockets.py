"""Connections that are dead without anyone being told."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from csms_testing.drills.drill import Drill, Scene, Stage
from csms_testing.drills.failure import DrillFailed
from csms_testing.drills.proxy import Proxy
from csms_testing.simulator import Station

_DEADLINE_S = 180.0
_PINGS_S = 4
"""How often stations ping; they give up 20 s after a ping without an answer."""
_NOTICED_S = 75.0
"""Within this the gateway must have found out: ping interval 30 s, time-out 20 s, and some."""


@asynccontextmanager
async def _proxies(urls: Sequence[str]) -> AsyncIterator[list[Proxy]]:
    proxies = [Proxy(urlsplit(url).port or 0) for url in urls]
    try:
        for proxy in proxies:
            await proxy.start()
        yield proxies
    finally:
        for proxy in proxies:
            await proxy.stop()


def _via(proxy: Proxy) -> str:
    return f"ws://127.0.0.1:{proxy.port}/ocpp"


async def _behind(scene: Scene, proxies: Sequence[Proxy]) -> None:
    """Let all stations connect anew, through the proxies, and ping from now on."""
    for number, station in enumerate(scene.load.stations):
        station.model.write("OCPPCommCtrlr", "WebSocketPingInterval", str(_PINGS_S))
        station.link.url = _via(proxies[number % len(proxies)])
        station.drop_connection()
    await scene.load.steady()


async def _back(scene: Scene) -> None:
    """Let all stations connect directly again."""
    urls = scene.arena.ocpp_urls
    for number, station in enumerate(scene.load.stations):
        station.link.url = urls[number % len(urls)]
        station.drop_connection()
    await scene.load.steady()


async def half_open(scene: Scene) -> float:
    """The network swallows everything of all connections; stations notice by their pings and connect anew."""
    async with _proxies(scene.arena.ocpp_urls) as proxies:
        await _behind(scene, proxies)
        began = time.monotonic()
        scene.notes["connections"] = sum(len(proxy.black_hole()) for proxy in proxies)
        recovery_s = await scene.load.served_again(began, _DEADLINE_S)
        await _one_connection_each(scene)
        await scene.load.all_obey(60)
        await _back(scene)
    return recovery_s


async def old_socket_lives(scene: Scene) -> float:
    """Stations lose their connection and come back at the other gateway, while the old socket lives."""
    async with _proxies(scene.arena.ocpp_urls) as proxies:
        await _behind(scene, proxies)
        for number, station in enumerate(scene.load.stations):
            station.link.url = _via(proxies[(number + 1) % len(proxies)])
        began = time.monotonic()
        for proxy in proxies:
            for passage in proxy.black_hole():
                proxy.lose(passage)
        recovery_s = await scene.load.served_again(began, _DEADLINE_S)
        await scene.load.all_obey(60)
        await _one_connection_each(scene)
        scene.notes["old_sockets_gone_s"] = round(time.monotonic() - began, 2)
        await _back(scene)
    return recovery_s


async def _one_connection_each(scene: Scene) -> None:
    """Wait until each station has one connection among all gateways. Raises DrillFailed."""
    deadline = time.monotonic() + _NOTICED_S
    names = {station.id for station in scene.load.stations}
    while True:
        found = await _connections(scene, names)
        if set(found) == names and set(found.values()) == {1}:
            return
        if time.monotonic() > deadline:
            wrong = {name: found[name] for name in names if found[name] != 1}
            raise DrillFailed(f"connections after {_NOTICED_S:g} s: {wrong}")
        await asyncio.sleep(0.3)


async def _connections(scene: Scene, names: set[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, process in scene.arena.processes.items():
        if name.startswith("gateway-"):
            shown = await scene.arena.api.at(process.http_url).get("/gateway/connections", limit=1000)
            found.update(item["station_id"] for item in shown["items"] if item["station_id"] in names)
    return found


async def vanished(scene: Scene) -> float:
    """A few stations vanish without a word; the gateway finds out, and commands say that they are not connected."""
    async with _proxies(scene.arena.ocpp_urls) as proxies:
        await _behind(scene, proxies)
        gone: list[Station] = list(scene.load.stations[:4])
        began = time.monotonic()
        for proxy in proxies:
            proxy.black_hole()
        for station in gone:
            await station.go_offline()
        await _not_connected(scene, gone)
        scene.notes["found_out_s"] = round(time.monotonic() - began, 2)
        back_at = time.monotonic()
        for station in gone:
            station.go_online()
        recovery_s = await scene.load.served_again(back_at, _DEADLINE_S)
        await _back(scene)
    return recovery_s


async def _not_connected(scene: Scene, gone: Sequence[Station]) -> None:
    deadline = time.monotonic() + _NOTICED_S
    names = {station.id for station in gone}
    while found := await _connections(scene, names):
        if time.monotonic() > deadline:
            raise DrillFailed(f"after {_NOTICED_S:g} s these still count as connected: {sorted(found)}")
        await asyncio.sleep(0.5)


DRILLS = (
    Drill("half-open", "all connections dead without notice", Stage.CLUSTER, half_open),
    Drill("old-socket-lives", "stations reconnect elsewhere, old sockets live", Stage.CLUSTER, old_socket_lives),
    Drill("vanished", "stations vanish without a word", Stage.CLUSTER, vanished),
)
