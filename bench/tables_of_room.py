"""The figures of large fleets as tables: a million stations, what deletes, partitions."""

from bench.table import Found, Table

_PARTS = {
    "auth": "auth",
    "device-mgmt": "device-mgmt",
    "transactions": "transactions",
    "Kafka": "java",
    "PostgreSQL": "postgres",
}
"""Column → how the names of its processes begin."""


def million(found: Found) -> Table:
    """What one of very many stations costs, without its socket."""
    rows = []
    for one in found["rows"]:
        parts = [sum(us for name, us in one["cpu_us"].items() if name.startswith(part)) for part in _PARTS.values()]
        cells = [one["what"], f"{one['count']:,}", f"{one['count'] / one['seconds']:,.0f}", f"{one['writes']:.1f}"]
        rows.append([*cells, *(f"{us:,.0f}" for us in parts), f"{sum(parts):,.0f}"])
    stored = f"{found['known']:,} stations stored and {found['partitions']} partitions"
    title = f"CPU µs for each, with {stored}, {found['date']}"
    return Table(title, ["what", "times", "per second", "rows written", *_PARTS, "in all"], rows)


def counting(found: Found) -> Table:
    """What it takes to count the fleet, and what others notice of it."""
    one = found["counting"]
    cpu = ", ".join(f"{name} {one['cpu_s'][name]:.1f} s" for name in ("device-mgmt-0", "postgres"))
    rows = [["the fleet is counted, nothing else happens", f"{one['alone_s']:.0f} s; CPU: {cpu}"]]
    for what, key in (("no count", "without"), ("a count", "during")):
        times = one[key]
        shown = f"p50 {times['p50_ms']:.0f}, p99 {times['p99_ms']:.0f}, most {times['max_ms']:.0f} ms"
        rows.append([f"stations come back, 16 at a time, {what}", f"{shown} ({times['count']:,} stations)"])
    rows.append(["the fleet is counted meanwhile", f"{one['during_s']:.0f} s"])
    return Table(f"Counting {found['known']:,} stations and as many connectors for the gauges", ["what", "took"], rows)


def room(found: Found) -> Table:
    """Memory and disk afterwards."""
    memory = [[f"memory of {name}", f"{mib:,.0f} MiB"] for name, mib in found["memory_mib"].items()]
    sizes = [[f"database, {name}", f"{size / 2**20:,.0f} MiB"] for name, size in found["database_bytes"].items()]
    return Table("Memory and disk afterwards", ["what", "size"], [*memory, *sizes])


def retention(found: Found) -> Table:
    """How fast old rows go."""
    rows = []
    for one in found["kinds"]:
        rate = one["deleted"] / max(0.01, one["seconds"])
        cells = [one["what"], f"{one['deleted']:,}", f"{rate:,.0f}", f"{86_400 * rate / 1e6:,.0f} million"]
        rows.append([*cells, f"{one['service_us']:.0f}", f"{one['postgres_us']:.0f}"])
    return Table(
        f"Rows that one process deletes, with {found['events']:,} events stored, {found['date']}",
        ["what", "rows", "per second", "per day", "CPU µs in the service", "in PostgreSQL"],
        rows,
    )


def partitions(found: Found) -> Table:
    """An event with few and with many partitions."""
    rows = []
    for one in found.values():
        parts = ", ".join(f"{name} {us:.0f}" for name, us in sorted(one["cpu_us_by_process"].items()))
        cells = [str(one["partitions"]), str(one["active"]), f"{one['per_second']:,.0f}"]
        times = [f"{one[key]:.1f}" for key in ("p50_ms", "p99_ms")]
        rows.append([*cells, *times, f"{one['cpu_us']:.0f}", parts, f"{one['e_cpu_us']:.0f}"])
    columns = ["partitions", "active", "per second", "p50 ms", "p99 ms", "CPU µs each", "by process", "E meanwhile, µs"]
    return Table("TransactionEvents, distributed, closed loop", columns, rows)
