"""Topics that get more partitions while records lie in them."""

import asyncio
import time
from dataclasses import replace

from csms_bus.admin import create_topics
from csms_bus.kafka import KafkaBus
from csms_bus.topics import CALLS_TRANSACTIONS

from csms_testing.drills.drill import Drill, Scene, Stage
from csms_testing.kafka import ONE_BROKER

_DEADLINE_S = 180.0
_MORE = 7
"""Not a multiple of what there is: nearly all stations move."""


async def partitions_added(scene: Scene) -> float:
    """Add partitions to all topics keyed by station, while events lie unread in the old ones; then newer ones overtake.

    First all services run; then transactions is away until its gateways write to the new partitions.
    """
    arena = scene.arena
    process = arena.processes["transactions-0"]
    began = time.monotonic()
    await _grow(scene)
    running_s = await scene.load.served_again(began, _DEADLINE_S)
    await process.stop()
    await asyncio.sleep(scene.outage_s / 4)  # its topic backs up
    await _grow(scene)
    await asyncio.sleep(float(process.environment["CSMS_KAFKA_METADATA_MAX_AGE_S"]) + scene.outage_s / 4)
    began = time.monotonic()
    await process.start()
    await process.ready(_DEADLINE_S)
    behind_s = await scene.load.served_again(began, _DEADLINE_S)
    scene.notes |= {"running_s": round(running_s, 2), "behind_s": round(behind_s, 2)}
    return max(running_s, behind_s)


async def _grow(scene: Scene) -> None:
    bootstrap = scene.arena.broker.bootstrap
    bus = KafkaBus(bootstrap, client_id="csms-drill")
    await bus.start()
    try:
        more = bus.partitions(CALLS_TRANSACTIONS.name) + _MORE
    finally:
        await bus.stop()
    await create_topics(bootstrap, replace(ONE_BROKER, partitions=more))
    scene.notes["partitions"] = more


DRILLS = (
    Drill(
        "partitions-added",
        "topics get more partitions under load, with records unread in the old ones",
        Stage.CLUSTER,
        partitions_added,
    ),
)
