"""TransactionEvent round trips per second, and latencies with one active station, beside both baselines.

A system and the baselines run at the same time and are measured in turn, so that whatever disturbs the machine
disturbs all of them.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from bench import systems
from bench.fleet import OCPP201, Station, fleet
from bench.load import ID_TOKEN, MakeScript, authorizations, short_transactions, transaction_events
from bench.runs import KAFKA_WARM_UP_S, WARM_UP_S, Run, run, summary
from bench.settings import Settings
from bench.systems import Target

Measured = list[tuple[Target, list[Station]]]
Kind = tuple[str, MakeScript, Callable[[Settings], int]]
"""Name, what is sent, how many stations send."""

KINDS: tuple[Kind, ...] = (
    ("throughput", transaction_events, lambda settings: settings.active),
    ("busier", transaction_events, lambda settings: min(4 * settings.active, settings.connected)),
    ("latency", transaction_events, lambda _: 1),
    ("authorize", authorizations, lambda _: 1),
    ("tokens", short_transactions, lambda settings: settings.active),
)


@asynccontextmanager
async def _beside_baselines(
    system: AbstractAsyncContextManager[Target], settings: Settings, protocol: str
) -> AsyncIterator[Measured]:
    """Run a system and both baselines, with stations connected to each; the system is the last one."""
    async with AsyncExitStack() as stack:
        targets = [await stack.enter_async_context(systems.baseline(kind)) for kind in systems.BASELINES]
        targets.append(await stack.enter_async_context(system))
        settings.say(f"connecting {settings.connected} stations to each of: {', '.join(t.name for t in targets)}")
        yield [
            (t, await stack.enter_async_context(fleet(t.urls, settings.connected, protocol=protocol))) for t in targets
        ]


async def _in_turn(measured: Measured, kind: Kind, settings: Settings) -> dict[str, Any]:
    """Measure one kind of load, each system for some seconds in each round."""
    name, script, active = kind
    count = active(settings)
    runs: dict[str, list[Run]] = {target.name: [] for target, _ in measured}
    for target, stations in measured:
        await run(target, stations[:count], script, WARM_UP_S)
    for number in range(settings.rounds):
        settings.say(f"{name}, {count} active, round {number + 1} of {settings.rounds}")
        for target, stations in measured:
            runs[target.name].append(await run(target, stations[:count], script, settings.seconds))
    return {target_name: summary(found) | {"active": count} for target_name, found in runs.items()}


async def measure(settings: Settings) -> dict[str, Any]:
    """Targets 1 and 2."""
    return await measured_in_turn(settings, KINDS, transaction_events)


async def measured_in_turn(
    settings: Settings, kinds: Sequence[Kind], warm_up: MakeScript, protocol: str = OCPP201
) -> dict[str, Any]:
    """For each system the kinds of load, and the baselines of the same minutes. `warm_up`: what Kafka gets before."""
    wanted = [systems.standalone()]
    if settings.stores is not None:
        wanted.append(systems.distributed(settings.stores))
    found: dict[str, Any] = {}
    for system in wanted:
        async with _beside_baselines(system, settings, protocol) as measured:
            target, stations = measured[-1]
            await target.accept(ID_TOKEN)
            if target.stores:
                settings.say(f"warming up Kafka, {KAFKA_WARM_UP_S:.0f} s")
                await run(target, stations[: settings.active], warm_up, KAFKA_WARM_UP_S)
            found[target.name] = {kind[0]: await _in_turn(measured, kind, settings) for kind in kinds}
    return found
