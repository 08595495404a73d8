"""docs/performance.md is written from any result set, complete or not."""

from typing import Any

import pytest

from bench import report, sizing
from bench.systems import BASELINES, DISTRIBUTED, STANDALONE

ABOUT = {
    "cores": 2,
    "processor": "a processor",
    "memory_gib": 8.0,
    "python": "3.11",
    "packages": {"websockets": "17"},
    "load_before": 0.1,
}


def figures(per_second: float, **cpu_us: float) -> dict[str, Any]:
    return {
        "per_second": per_second,
        "active": 64,
        "p50_ms": 1.0,
        "p99_ms": 2.0,
        "failed": 0,
        "cpu_us": sum(cpu_us.values()),
        "cpu_us_by_process": cpu_us,
    }


def round_trips(per_second: float) -> dict[str, Any]:
    systems = {name: figures(1000.0, **{kind: 600.0}) for kind, name in BASELINES.items()}
    ours = figures(per_second, **{"gateway-0": 100.0, "transactions-0": 200.0, "java": 50.0, "postgres": 40.0})
    return {kind: {**systems, DISTRIBUTED: ours} for kind in ("throughput", "busier", "latency", "authorize")}


def ocpp_16(per_second: float) -> dict[str, Any]:
    systems = {name: figures(1000.0, **{kind: 600.0}) for kind, name in BASELINES.items()}
    return {kind: {**systems, STANDALONE: figures(per_second)} for kind in ("meter values", "short transactions")}


@pytest.fixture
def found() -> dict[str, Any]:
    idle = {"connections": 6000, "kib_per_connection": 30.0, "cpu_percent": {"gateway-0": 2.0}}
    history = {"events": 1000, "bytes": 500_000, "empty": {"cpu_us": 100.0}, "full": {"cpu_us": 110.0}}
    connections = {"1000": {"cpu_us": 100.0, "e_cpu_us": 30.0}, "10000": {"cpu_us": 120.0, "e_cpu_us": 31.0}}
    scale = {
        f"{count} of each, {64 * count} active": {
            "per_second": 1000.0,
            "cpu_us": cpu_us,
            "processes": count,
            "active": 64 * count,
        }
        for count, cpu_us in ((1, 400.0), (2, 500.0))
    }
    commands = {"stations": 10, "accepted": 10, "seconds": 1.0, "per_second": 10.0, "p99_ms": 5.0}
    return {
        "about": ABOUT,
        "round-trips": {DISTRIBUTED: round_trips(1900.0)},
        "ocpp-1.6": {STANDALONE: ocpp_16(3100.0)},
        "idle": {DISTRIBUTED: idle},
        "flat": {"connections": connections, "history": history, "commands": commands},
        "scale": scale,
    }


def test_a_page_has_verdicts_and_what_was_measured(found: dict[str, Any]) -> None:
    page = report.page("some", found)
    assert f"| {DISTRIBUTED}: throughput ≥ 2 x M | 1.90 x | missed |" in page
    assert f"| {DISTRIBUTED} | 64 | 1,900 | 1.90 |" in page
    assert "| two of each, 64 active for each process: CPU per message ≤ 1.15 x | 1.25 x | missed |" in page
    assert "| 2 of each, 128 active | 1,000 | 500 | 1.25 |" in page
    assert f"| {STANDALONE}: OCPP 1.6, MeterValues, throughput ≥ 3 x M | 3.10 x | met |" in page
    assert f"| {STANDALONE} | MeterValues | 64 | 3,100 | 3.10 |" in page
    assert "## Sizing on paper" in page
    assert "## Reconnect storm" not in page


def test_a_baseline_is_shown_and_has_no_target(found: dict[str, Any]) -> None:
    hungry = {"connections": 6000, "kib_per_connection": 90.0, "cpu_percent": {"M": 2.0}}
    storm = {"stations": 10, "booted": 10, "refused": {}, "seconds": 4.0, "p50_s": 1.0, "p99_s": 1.0}
    storms = {"first": storm | {"cpu_ms_per_station": 1.0}}
    idle = {BASELINES["M"]: hungry, **found["idle"]}
    page = report.page("some", found | {"idle": idle, "storm": {BASELINES["M"]: storms, DISTRIBUTED: storms}})
    assert f"| {BASELINES['M']} | 6,000 | 90.0 |" in page
    assert f"{BASELINES['M']}: " not in page
    assert f"| {DISTRIBUTED}: storm of 10, first, within 30 s, none refused | 4.0 s | met |" in page


def test_large_fleets_are_shown(found: dict[str, Any]) -> None:
    rows = [{"what": "a boot", "count": 100, "seconds": 2.0, "writes": 3.0, "cpu_us": {"auth-0": 10.0, "java": 5.0}}]
    times = {"count": 9, "p50_ms": 1.0, "p99_ms": 2.0, "max_ms": 3.0}
    counting = {"alone_s": 9.0, "during_s": 12.0, "cpu_s": {"device-mgmt-0": 1.0, "postgres": 2.0}}
    million = {
        "date": "today",
        "known": 1000,
        "partitions": 120,
        "rows": rows,
        "counting": counting | {"without": times, "during": times},
        "memory_mib": {"auth-0": 99},
        "database_bytes": {"auth": 2**21},
    }
    kinds = [{"what": "calls", "deleted": 5000, "seconds": 2.0, "service_us": 1.0, "postgres_us": 2.0}]
    few = {"partitions": 12, "e_cpu_us": 30.0, **figures(1000.0, java=50.0)}
    retention = {"date": "today", "events": 10, "kinds": kinds}
    page = report.page("some", found | {"million": million, "retention": retention, "partitions": {"few": few}})
    assert "| a boot | 100 | 50 | 3.0 | 10 | 0 | 0 | 5 | 0 | 15 |" in page
    assert "| the fleet is counted meanwhile | 12 s |" in page
    assert "| calls | 5,000 | 2,500 | 216 million | 1 | 2 |" in page
    assert "| 12 | 64 | 1,000 | 1.0 | 2.0 | 50 | java 50 | 30 |" in page


def test_without_distributed_figures_there_is_no_sizing(found: dict[str, Any]) -> None:
    for case in ("round-trips", "idle", "flat"):
        assert sizing.costs({name: value for name, value in found.items() if name != case}) is None
    assert STANDALONE not in report.page("some", {"about": ABOUT})


def test_sizes_follow_from_costs(found: dict[str, Any]) -> None:
    cost = sizing.costs(found)
    assert cost is not None
    assert (cost.gateway_us, cost.transactions_us, cost.event_bytes) == (100.0, 200.0, 500.0)
    assert cost.heartbeat_us == pytest.approx(200.0)  # 2 % of a core for 100 heartbeats a second
    rows = {row[0]: row[1:] for row in sizing.sizing(cost).rows}
    assert list(rows["TransactionEvents per second, busiest hour"]) == ["33", "333", "3,333"]
    assert list(rows["gateway pods (1 core each)"]) == ["2", "10", "100"]
