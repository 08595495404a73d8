"""What the message log costs: TransactionEvents with it and without, in both modes.

Standalone the two systems run at the same time and are measured in turn; distributed, which share a broker and a
database, one runs after the other, again and again.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from bench import systems
from bench.fleet import Station, fleet
from bench.load import transaction_events
from bench.runs import KAFKA_WARM_UP_S, WARM_UP_S, Run, run, summary
from bench.settings import Settings
from bench.systems import DISTRIBUTED, STANDALONE, Stores, Target

WITHOUT, WITH = "without", "with"
_SETTING = {WITHOUT: "false", WITH: "true"}
_KINDS: tuple[tuple[str, Callable[[Settings], int]], ...] = (
    ("throughput", lambda settings: settings.active),
    ("latency", lambda _: 1),
)
Runs = dict[str, dict[str, list[Run]]]
"""Kind of load → without, with → runs."""


async def measure(settings: Settings) -> dict[str, Any]:
    """The same load with and without the message log."""
    found = {STANDALONE: await _side_by_side(settings)}
    if settings.stores is not None:
        found[DISTRIBUTED] = await _one_after_the_other(settings, settings.stores)
    return {
        mode: {kind: {which: summary(one) for which, one in both.items()} for kind, both in kinds.items()}
        for mode, kinds in found.items()
    }


async def _side_by_side(settings: Settings) -> Runs:
    found = _nothing()
    async with AsyncExitStack() as stack:
        both = {
            which: await stack.enter_async_context(_running(settings, systems.standalone(CSMS_MESSAGE_LOG=setting)))
            for which, setting in _SETTING.items()
        }
        for kind, active in _KINDS:
            for number in range(settings.rounds):
                settings.say(f"standalone, {kind}, round {number + 1} of {settings.rounds}")
                for which, (target, stations) in both.items():
                    found[kind][which].append(await _run(target, stations[: active(settings)], settings.seconds))
    return found


async def _one_after_the_other(settings: Settings, stores: Stores) -> Runs:
    found = _nothing()
    for number in range(settings.rounds):
        for which, setting in _SETTING.items():
            settings.say(f"distributed, {which}, round {number + 1} of {settings.rounds}")
            async with _running(settings, systems.distributed(stores, CSMS_MESSAGE_LOG=setting)) as (target, stations):
                if number == 0 and which == WITHOUT:
                    await run(target, stations[: settings.active], transaction_events, KAFKA_WARM_UP_S)
                for kind, active in _KINDS:
                    found[kind][which].append(await _run(target, stations[: active(settings)], settings.seconds))
    return found


@asynccontextmanager
async def _running(
    settings: Settings, system: AbstractAsyncContextManager[Target]
) -> AsyncIterator[tuple[Target, list[Station]]]:
    async with system as target, fleet(target.urls, settings.active) as stations:
        yield target, stations


async def _run(target: Target, stations: Sequence[Station], seconds: float) -> Run:
    await run(target, stations, transaction_events, WARM_UP_S)
    return await run(target, stations, transaction_events, seconds)


def _nothing() -> Runs:
    return {kind: {which: [] for which in _SETTING} for kind, _ in _KINDS}
