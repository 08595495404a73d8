"""Two gateways and two transactions processes against one of each: does a message cost more CPU?"""

from typing import Any

from bench import systems
from bench.fleet import Station, fleet
from bench.load import transaction_events
from bench.runs import KAFKA_WARM_UP_S, WARM_UP_S, Run, run, summary
from bench.settings import Settings
from bench.systems import Target

_PASSES = 2
"""How often each size is started anew, in turn: what slows the machine for minutes must not hit only one of them."""


async def measure(settings: Settings) -> dict[str, Any]:
    """Target 6, with two loads, each with as many active stations for each process. Empty without Kafka."""
    if settings.stores is None:
        return {}
    loads = (settings.active, min(4 * settings.active, settings.connected // 2))
    runs: dict[tuple[int, int], list[Run]] = {(count, load): [] for load in loads for count in (1, 2)}
    for number in range(_PASSES):
        for count in (1, 2):
            settings.say(f"{count} of each, pass {number + 1} of {_PASSES}: connecting {settings.connected} stations")
            async with (
                systems.distributed(settings.stores, gateways=count, transactions=count) as target,
                fleet(target.urls, settings.connected) as stations,
            ):
                if number == 0 and count == 1:
                    await run(target, stations[: settings.active], transaction_events, KAFKA_WARM_UP_S)
                for load in loads:
                    runs[count, load] += await _runs(target, stations[: load * count], settings)
    return {
        f"{count} of each, {load * count} active": summary(found) | {"processes": count, "active": load * count}
        for (count, load), found in runs.items()
    }


async def _runs(target: Target, active: list[Station], settings: Settings) -> list[Run]:
    await run(target, active, transaction_events, WARM_UP_S)
    return [
        await run(target, active, transaction_events, settings.seconds) for _ in range(-(-settings.rounds // _PASSES))
    ]
