"""Kafka and PostgreSQL that go away."""

import asyncio
import time

from csms_testing.drills.drill import Drill, Scene, Stage

_DEADLINE_S = 180.0


async def kafka_away(scene: Scene) -> float:
    """Kill -9 the only broker; it comes back on its data."""
    broker = scene.arena.broker
    await asyncio.to_thread(broker.kill)
    await asyncio.sleep(scene.outage_s)
    began = time.monotonic()
    await asyncio.to_thread(broker.start)
    scene.notes["broker_ready_s"] = round(time.monotonic() - began, 2)
    return await scene.load.served_again(began, _DEADLINE_S)


async def broker_of_three(scene: Scene) -> float:
    """Kill -9 one of three brokers while topics need two; later it comes back, and the next one dies."""
    first, second = scene.arena.broker.nodes[:2]
    killed_at = time.monotonic()
    await asyncio.to_thread(first.kill)
    without_first_s = await scene.load.served_again(killed_at, _DEADLINE_S)
    await asyncio.sleep(scene.outage_s / 4)
    await asyncio.to_thread(first.start)
    await scene.load.steady()
    await asyncio.sleep(scene.outage_s / 4)  # until it has caught up
    killed_at = time.monotonic()
    await asyncio.to_thread(second.kill)
    without_second_s = await scene.load.served_again(killed_at, _DEADLINE_S)
    await asyncio.to_thread(second.start)
    scene.notes |= {"first_s": round(without_first_s, 2), "second_s": round(without_second_s, 2)}
    return max(without_first_s, without_second_s)


async def postgres_away(scene: Scene) -> float:
    """Kill -9 PostgreSQL; it comes back on its data."""
    database = scene.arena.database
    await asyncio.to_thread(database.kill)
    await asyncio.sleep(scene.outage_s)
    began = time.monotonic()
    await asyncio.to_thread(database.start)
    scene.notes["database_ready_s"] = round(time.monotonic() - began, 2)
    return await scene.load.served_again(began, _DEADLINE_S)


async def postgres_frozen(scene: Scene) -> float:
    """PostgreSQL answers nobody while its connections stay open; topics back up meanwhile."""
    database = scene.arena.database
    await asyncio.to_thread(database.freeze)
    try:
        await asyncio.sleep(scene.outage_s)
    finally:
        began = time.monotonic()
        await asyncio.to_thread(database.thaw)
    return await scene.load.served_again(began, _DEADLINE_S)


async def consumer_frozen(scene: Scene) -> float:
    """Transactions stands still until its topic backs up and the broker has thrown it out of its group."""
    process = scene.arena.processes["transactions-0"]
    process.freeze()
    try:
        await asyncio.sleep(max(scene.outage_s, 12.0))
    finally:
        began = time.monotonic()
        process.thaw()
    return await scene.load.served_again(began, _DEADLINE_S)


DRILLS = (
    Drill("kafka-away", "kill -9 of Kafka for half a minute, back on its data", Stage.CLUSTER, kafka_away),
    Drill("postgres-away", "kill -9 of PostgreSQL for half a minute, back on its data", Stage.CLUSTER, postgres_away),
    Drill("postgres-frozen", "PostgreSQL silent, connections open; topics back up", Stage.CLUSTER, postgres_frozen),
    Drill("consumer-frozen", "transactions stands still, its topic backs up", Stage.CLUSTER, consumer_frozen),
    Drill(
        "broker-of-three",
        "kill -9 of one broker of three, twice",
        Stage.CLUSTER_OF_THREE,
        broker_of_three,
    ),
)
