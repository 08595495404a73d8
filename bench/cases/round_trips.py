"""TransactionEvent round trips per second, and latencies with one active station, beside both baselines.

A system and the baselines run at the same time and are measured in turn, so that whatever disturbs the machine
disturbs all of them.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from bench import systems
from bench.fleet import Station, fleet
from bench.load import MakeCall, authorizations, transaction_events
from bench.runs import WARM_UP_S, Run, run, summary
from bench.settings import Settings
from bench.systems import Target

Measured = list[tuple[Target, list[Station]]]
Kind = tuple[str, Callable[[str], MakeCall], int | None]
"""Name, what is sent, how many stations send (None: as set)."""

KINDS: tuple[Kind, ...] = (
    ("throughput", transaction_events, None),
    ("latency", transaction_events, 1),
    ("authorize", authorizations, 1),
)


@asynccontextmanager
async def _beside_baselines(system: AbstractAsyncContextManager[Target], settings: Settings) -> AsyncIterator[Measured]:
    async with AsyncExitStack() as stack:
        targets = [await stack.enter_async_context(systems.baseline(kind)) for kind in systems.BASELINES]
        targets.append(await stack.enter_async_context(system))
        settings.say(f"connecting {settings.connected} stations to each of: {', '.join(t.name for t in targets)}")
        yield [(t, await stack.enter_async_context(fleet(t.urls, settings.connected))) for t in targets]


async def _measure(measured: Measured, kind: Kind, settings: Settings) -> dict[str, Any]:
    name, make, active = kind
    count = settings.active if active is None else active
    runs: dict[str, list[Run]] = {target.name: [] for target, _ in measured}
    for target, stations in measured:
        await run(target, stations[:count], make, WARM_UP_S)
    for number in range(settings.rounds):
        settings.say(f"{name}, {count} active, round {number + 1} of {settings.rounds}")
        for target, stations in measured:
            runs[target.name].append(await run(target, stations[:count], make, settings.seconds))
    return {target_name: summary(found) for target_name, found in runs.items()}


async def measure(settings: Settings) -> dict[str, Any]:
    """Targets 1 and 2: for each system the three kinds of load, and the baselines of the same minutes."""
    wanted = [systems.standalone()]
    if settings.stores is not None:
        wanted.append(systems.distributed(settings.stores))
    found: dict[str, Any] = {}
    for system in wanted:
        async with _beside_baselines(system, settings) as measured:
            ours = measured[-1][0].name
            found[ours] = {kind[0]: await _measure(measured, kind, settings) for kind in KINDS}
    return found
