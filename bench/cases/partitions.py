"""What more partitions cost an event: the same system before and after its topics were given more of them."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from csms_bus.admin import create_topics
from csms_bus.topics import STATION_PARTITIONS
from csms_testing.kafka import ONE_BROKER

from bench import systems
from bench.fleet import fleet
from bench.load import transaction_events
from bench.runs import KAFKA_WARM_UP_S, Run, run, summary
from bench.settings import Settings

_METADATA_AGE_S = 5.0
_NOTICED_S = 3 * _METADATA_AGE_S
"""Until everybody knows of new partitions, and groups have shared them out."""


async def measure(settings: Settings) -> dict[str, Any]:
    """Round trips with two loads, with as many partitions as tests have and with the default; beside baseline E.

    Topics must not have more than the fewer ones yet. Empty without Kafka.
    """
    if settings.stores is None:
        return {}
    loads = (settings.active, min(4 * settings.active, settings.connected))
    found: dict[str, Any] = {}
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(
            systems.distributed(settings.stores, CSMS_KAFKA_METADATA_MAX_AGE_S=f"{_METADATA_AGE_S:g}")
        )
        baseline = await stack.enter_async_context(systems.baseline("E"))
        ours = await stack.enter_async_context(fleet(target.urls, settings.connected))
        theirs = await stack.enter_async_context(fleet(baseline.urls, settings.connected))
        await run(target, ours[: settings.active], transaction_events, KAFKA_WARM_UP_S)
        for count in (ONE_BROKER.partitions, STATION_PARTITIONS):
            await create_topics(settings.stores.kafka, replace(ONE_BROKER, partitions=count))
            await asyncio.sleep(_NOTICED_S)
            await run(target, ours[: settings.active], transaction_events, settings.seconds)
            for load in loads:
                settings.say(f"{count} partitions, {load} active")
                runs: dict[str, list[Run]] = {"ours": [], "E": []}
                for _ in range(-(-settings.rounds // 2)):
                    for name, one, stations in (("ours", target, ours), ("E", baseline, theirs)):
                        runs[name].append(await run(one, stations[:load], transaction_events, settings.seconds))
                found[f"{count} partitions, {load} active"] = {
                    "partitions": count,
                    "active": load,
                    "e_cpu_us": summary(runs["E"])["cpu_us"],
                    **summary(runs["ours"]),
                }
    return found
