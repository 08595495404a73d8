"""Two gateways and two transactions processes against one of each: does a message cost more CPU?"""

from typing import Any

from bench import systems
from bench.fleet import Station, fleet
from bench.load import transaction_events
from bench.runs import WARM_UP_S, run, summary
from bench.settings import Settings
from bench.systems import Target


async def measure(settings: Settings) -> dict[str, Any]:
    """Target 6: with as many active stations for each process, and with as many in all. Empty without Kafka."""
    if settings.stores is None:
        return {}
    found: dict[str, Any] = {}
    for count in (1, 2):
        async with systems.distributed(settings.stores, gateways=count, transactions=count) as target:
            settings.say(f"{count} of each: connecting {settings.connected} stations")
            async with fleet(target.urls, settings.connected) as stations:
                for active in sorted({settings.active, settings.active * count}):
                    found[f"{count} of each, {active} active"] = await _summary(target, stations[:active], settings)
    return found


async def _summary(target: Target, active: list[Station], settings: Settings) -> dict[str, Any]:
    await run(target, active, transaction_events, WARM_UP_S)
    return summary([await run(target, active, transaction_events, settings.seconds) for _ in range(settings.rounds)])
