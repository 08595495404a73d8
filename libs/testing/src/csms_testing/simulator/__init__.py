"""A simulator of charging stations that speak OCPP 2.1, 2.0.1 and 1.6J: a library, and the program `csms-simulator`.

    async with Station("ws://127.0.0.1:9000/ocpp", "CS1", password="...") as station:
        await station.wait_accepted()
        result = await station.charge(1, "DEMO-1", energy_wh=5000, meter_interval_s=0)

`Station` is one station, `Fleet` many in one process, `Ledger` what they know to have sent, `Stats` how it went.
"""

from csms_testing.simulator.charging import ChargeResult, Plan
from csms_testing.simulator.clock import Clock
from csms_testing.simulator.config import StationConfig
from csms_testing.simulator.errors import (
    CallRefused,
    CallTimeout,
    EvseUnavailable,
    NotConnected,
    SchemaViolation,
    SimulatorError,
)
from csms_testing.simulator.fleet import Fleet
from csms_testing.simulator.ledger import Entry, Ledger, State
from csms_testing.simulator.link import Registration
from csms_testing.simulator.station import Station
from csms_testing.simulator.stats import Stats
from csms_testing.simulator.tokens import token
from csms_testing.simulator.transaction import Stop

__all__ = [
    "CallRefused",
    "CallTimeout",
    "ChargeResult",
    "Clock",
    "Entry",
    "EvseUnavailable",
    "Fleet",
    "Ledger",
    "NotConnected",
    "Plan",
    "Registration",
    "SchemaViolation",
    "SimulatorError",
    "State",
    "Station",
    "StationConfig",
    "Stats",
    "Stop",
    "token",
]
