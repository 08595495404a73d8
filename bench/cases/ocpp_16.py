"""What stations of OCPP 1.6 send about transactions, beside both baselines: as `round_trips`, in turn."""

from typing import Any

from bench import systems
from bench.cases.round_trips import Kind, beside_baselines, in_turn
from bench.fleet import OCPP16
from bench.load import ID_TOKEN
from bench.load_16 import meter_values, short_transactions
from bench.runs import KAFKA_WARM_UP_S, run
from bench.settings import Settings

KINDS: tuple[Kind, ...] = (
    ("meter values", meter_values, lambda settings: settings.active),
    ("short transactions", short_transactions, lambda settings: settings.active),
)


async def measure(settings: Settings) -> dict[str, Any]:
    """For each system the kinds of load, and the baselines of the same minutes."""
    wanted = [systems.standalone()]
    if settings.stores is not None:
        wanted.append(systems.distributed(settings.stores))
    found: dict[str, Any] = {}
    for system in wanted:
        async with beside_baselines(system, settings, OCPP16) as measured:
            target, stations = measured[-1]
            await target.accept(ID_TOKEN)
            if target.stores:
                settings.say(f"warming up Kafka, {KAFKA_WARM_UP_S:.0f} s")
                await run(target, stations[: settings.active], meter_values, KAFKA_WARM_UP_S)
            found[target.name] = {kind[0]: await in_turn(measured, kind, settings) for kind in KINDS}
    return found
