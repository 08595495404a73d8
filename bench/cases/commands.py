"""Commands to 1,000 stations: one POST for each, and one POST /bulk for all."""

import asyncio
import time
from typing import Any

import httpx2
import orjson

from bench import systems
from bench.fleet import Station, fleet
from bench.settings import Settings
from bench.systems import Target
from bench.usage import cpu_by_part, per_message_us, total

_RATE = 5000
_DEADLINE_S = 120.0


def answer_commands(stations: list[Station]) -> None:
    """Let stations accept each command."""
    for station in stations:

        def answer(text: bytes, wire: Any = station.wire) -> None:  # noqa: ANN401 # bound now, not when it is called
            frame = orjson.loads(text)
            if frame[0] == 2:  # noqa: PLR2004 # CALL
                wire.send(orjson.dumps([3, frame[1], {"status": "Accepted"}]))

        station.wire.on_text = answer


async def single(client: httpx2.AsyncClient, station: Station) -> tuple[float, bool]:
    """Send a command and wait for its answer; return how long it took, in seconds, and whether there was one."""
    begin = time.perf_counter()
    answer = await client.post(f"/stations/{station.name}/calls/ClearCache", json={})
    accepted = answer.is_success and answer.json().get("outcome") == "result"
    return time.perf_counter() - begin, accepted


async def _singles(target: Target, client: httpx2.AsyncClient, stations: list[Station]) -> dict[str, Any]:
    """All at once; the client's share of the machine's cores is in the time, not in the CPU."""
    await asyncio.gather(*(single(client, station) for station in stations[:20]))  # opens connections
    before, begin = cpu_by_part(target), time.perf_counter()
    answers = await asyncio.gather(*(single(client, station) for station in stations))
    seconds = time.perf_counter() - begin
    return _figures(target, before, seconds, len(stations), sum(accepted for _, accepted in answers))


async def _bulk(target: Target, client: httpx2.AsyncClient, stations: list[Station]) -> dict[str, Any]:
    """From the POST until the last station has answered."""
    ids = [station.name for station in stations]
    body = {"action": "ClearCache", "payload": {}, "select": {"ids": ids}, "rate_per_s": _RATE}
    answered, all_answered = 0, asyncio.Event()
    for station in stations:
        inner = station.wire.on_text

        def counting(text: bytes, inner: Any = inner) -> None:  # noqa: ANN401 # as above
            nonlocal answered
            inner(text)
            answered += 1
            if answered >= len(stations):
                all_answered.set()

        station.wire.on_text = counting
    before, begin = cpu_by_part(target), time.perf_counter()
    bulk_id = (await client.post("/bulk", json=body)).raise_for_status().json()["id"]
    async with asyncio.timeout(_DEADLINE_S):
        await all_answered.wait()
        seconds = time.perf_counter() - begin
        while not (job := (await client.get(f"/bulk/{bulk_id}")).raise_for_status().json())["finished_at"]:  # noqa: ASYNC110 # it is behind HTTP
            await asyncio.sleep(0.05)
    return _figures(target, before, seconds, len(stations), job["counts"]["result"])


def _figures(target: Target, before: dict[str, float], seconds: float, count: int, accepted: int) -> dict[str, Any]:
    cpu_us = total(per_message_us(before, cpu_by_part(target), count))
    return {
        "stations": count,
        "accepted": accepted,
        "seconds": round(seconds, 2),
        "per_second": round(count / seconds, 1),
        "cpu_us": round(cpu_us, 1),
    }


async def _measured(target: Target, settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with fleet(target.urls, settings.commands) as stations, target.client() as client:
        for name, measure_one in (("single", _singles), ("bulk", _bulk)):
            runs = []
            for number in range(settings.rounds + 1):  # the first one warms up
                settings.say(f"{target.name}: {name}, {len(stations)} stations, round {number} of {settings.rounds}")
                answer_commands(stations)
                runs.append(await measure_one(target, client, stations))
            found[name] = sorted(runs[1:], key=lambda run: run["per_second"])[settings.rounds // 2]
    return found


async def measure(settings: Settings) -> dict[str, Any]:
    """Commands a second, and what each costs."""
    found: dict[str, Any] = {}
    async with systems.standalone() as target:
        found[target.name] = await _measured(target, settings)
    if settings.stores is not None:
        async with systems.distributed(settings.stores) as target:
            found[target.name] = await _measured(target, settings)
    return found
