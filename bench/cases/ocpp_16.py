"""What stations of OCPP 1.6 send about transactions, beside both baselines: as `round_trips`, in turn."""

from typing import Any

from bench.cases.round_trips import Kind, measured_in_turn
from bench.fleet import OCPP16
from bench.load_16 import meter_values, short_transactions
from bench.settings import Settings

KINDS: tuple[Kind, ...] = (
    ("meter values", meter_values, lambda settings: settings.active),
    ("short transactions", short_transactions, lambda settings: settings.active),
)


async def measure(settings: Settings) -> dict[str, Any]:
    """For each system the kinds of load, and the baselines of the same minutes."""
    return await measured_in_turn(settings, KINDS, meter_values, OCPP16)
