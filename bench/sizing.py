"""Sizing on paper: what 10,000, 100,000 and 1,000,000 stations need, computed from measured costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csms_bus.topics import CALLS_TRANSACTIONS, GATEWAY_INBOX

from bench.systems import DISTRIBUTED
from bench.table import Table

FLEETS = (10_000, 100_000, 1_000_000)
CHARGING = 0.2
"""Share of the stations in a transaction at the busiest hour."""
EVENT_EVERY_S = 60.0
"""A meter value per transaction and minute."""
HEARTBEAT_EVERY_S = 60.0
PEAK = 3.0
"""Peaks above the busiest hour's average: what is planned for."""
USED = 0.6
"""Of a core, at the peak."""
PER_GATEWAY = 10_000
"""Connections for each gateway: as measured."""
MEAN_SHARE_OF_PEAK_HOUR = 0.5
"""Events of a whole day beside those of its busiest hour, per hour."""
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Costs:
    """What was measured."""

    gateway_us: float
    """CPU for one TransactionEvent."""
    transactions_us: float
    kafka_us: float
    postgres_us: float
    heartbeat_us: float
    connection_kib: float
    event_bytes: float
    """In the database, indexes included."""


def costs(found: Mapping[str, Any]) -> Costs | None:
    """The costs in a result set; None when it has no distributed figures, or none of a full database."""
    if any(DISTRIBUTED not in found.get(case, {}) for case in ("round-trips", "idle")) or "flat" not in found:
        return None
    parts = found["round-trips"][DISTRIBUTED]["throughput"][DISTRIBUTED]["cpu_us_by_process"]
    idle = found["idle"][DISTRIBUTED]
    beats_per_s = idle["connections"] / HEARTBEAT_EVERY_S
    history = found["flat"]["history"]
    return Costs(
        gateway_us=_sum(parts, "gateway"),
        transactions_us=_sum(parts, "transactions"),
        kafka_us=_sum(parts, "java"),
        postgres_us=_sum(parts, "postgres"),
        heartbeat_us=_sum(idle["cpu_percent"], "gateway") / 100 / beats_per_s * 1e6,
        connection_kib=idle["kib_per_connection"],
        event_bytes=history["bytes"] / history["events"],
    )


def _sum(parts: Mapping[str, float], name: str) -> float:
    return sum(value for part, value in parts.items() if part.startswith(name))


def sizing(cost: Costs) -> Table:
    """One column for each fleet."""
    columns = ["", *(f"{count:,} stations" for count in FLEETS)]
    made = [_fleet(cost, count) for count in FLEETS]
    rows = [[name, *(fleet[name] for fleet in made)] for name in made[0]]
    return Table("Sizing on paper", columns, rows)


def _fleet(cost: Costs, stations: int) -> dict[str, str]:
    events = stations * CHARGING / EVENT_EVERY_S
    peak = events * PEAK
    beats = stations / HEARTBEAT_EVERY_S
    gateway_cores = (peak * cost.gateway_us + beats * cost.heartbeat_us) / 1e6
    gateways = max(2, math.ceil(stations / PER_GATEWAY), math.ceil(gateway_cores / USED))
    workers = max(2, math.ceil(peak * cost.transactions_us / 1e6 / USED))
    per_day = events * MEAN_SHARE_OF_PEAK_HOUR * _DAY_S
    return {
        "TransactionEvents per second, busiest hour": f"{events:,.0f}",
        "the same, peak": f"{peak:,.0f}",
        "gateway pods (1 core each)": f"{gateways}",
        "memory of a gateway pod": f"{math.ceil(stations / gateways * cost.connection_kib / 1024 + 150):,} MiB",
        "CPU of a gateway pod at the peak": f"{100 * gateway_cores / gateways:.0f} %",
        "transactions pods (1 core each)": f"{workers}",
        "auth, device-mgmt pods": f"{max(2, workers // 2)} each",
        "partitions of ocpp.calls.transactions": f"{max(CALLS_TRANSACTIONS.partitions, 2 * workers)}",
        "partitions of gateway.inbox": f"{max(GATEWAY_INBOX.partitions, gateways)}",
        "Kafka CPU at the peak, cores": f"{peak * cost.kafka_us / 1e6:.1f}",
        "PostgreSQL CPU at the peak, cores": f"{peak * cost.postgres_us / 1e6:.1f}",
        "events stored per day": f"{per_day / 1e6:,.1f} million",
        "database growth per day": f"{per_day * cost.event_bytes / 2**30:,.1f} GiB",
        "database growth per year": f"{per_day * 365 * cost.event_bytes / 2**40:,.2f} TiB",
    }
