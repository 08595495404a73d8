"""Two gateways and two transactions processes against one of each: does a message cost more CPU?"""

from typing import Any

from bench import systems
from bench.fleet import fleet
from bench.load import transaction_events
from bench.runs import WARM_UP_S, run, summary
from bench.settings import Settings


async def measure(settings: Settings) -> dict[str, Any]:
    """Target 6. Empty without Kafka and PostgreSQL."""
    if settings.stores is None:
        return {}
    found: dict[str, Any] = {}
    for count in (1, 2):
        async with systems.distributed(settings.stores, gateways=count, transactions=count) as target:
            settings.say(f"{count} of each: connecting {settings.connected} stations")
            async with fleet(target.urls, settings.connected) as stations:
                active = stations[: settings.active]
                await run(target, active, transaction_events, WARM_UP_S)
                runs = [await run(target, active, transaction_events, settings.seconds) for _ in range(settings.rounds)]
        found[str(count)] = summary(runs)
    return found
