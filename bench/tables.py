"""The figures as tables, for the terminal and for docs/performance.md."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.systems import BASELINES, DISTRIBUTED, STANDALONE
from bench.table import Found, Table
from bench.tables_of_room import counting, million, partitions, retention, room

LARGEST_IDLE_KIB, LARGEST_TLS_KIB, LONGEST_STORM_S, LARGEST_FLAT, LARGEST_SCALE = 40, 120, 30, 1.25, 1.15
MOST_FOR_MESSAGES = 0.15
"""Targets."""

_VISIBLE_PERCENT = 0.1
_M, _E = BASELINES["M"], BASELINES["E"]


def throughput(found: Found) -> Table:
    """Closed loop of TransactionEvents."""
    rows = []
    for ours, figures in ((ours, kinds[kind]) for ours, kinds in found.items() for kind in ("throughput", "busier")):
        for name in (_E, _M, ours):
            one = figures[name]
            ratio = one["per_second"] / figures[_M]["per_second"]
            cells = [name, str(one["active"]), f"{one['per_second']:,.0f}", f"{ratio:.2f}"]
            times = [f"{one['p50_ms']:.1f}", f"{one['p99_ms']:.1f}"]
            rows.append([*cells, *times, f"{one['cpu_us']:.0f}", str(one["failed"])])
    return Table(
        "TransactionEvent(Updated, one meter value), closed loop",
        ["system", "active", "per second", "x M", "p50 ms", "p99 ms", "CPU µs each", "failed"],
        rows,
    )


def with_tokens(found: Found) -> Table:
    """Short transactions, half of whose events need a decision on an idToken."""
    rows = []
    for ours, figures in ((ours, kinds["tokens"]) for ours, kinds in found.items() if "tokens" in kinds):
        for name in (_E, _M, ours):
            one = figures[name]
            times = [f"{one['p50_ms']:.1f}", f"{one['p99_ms']:.1f}"]
            cells = [name, str(one["active"]), f"{one['per_second']:,.0f}", *times]
            rows.append([*cells, f"{one['cpu_us']:.0f}", str(one["failed"])])
    return Table(
        "TransactionEvent, four to a transaction, the first and the last with an idToken, closed loop",
        ["system", "active", "per second", "p50 ms", "p99 ms", "CPU µs each", "failed"],
        rows,
    )


_OF_16 = {"meter values": "MeterValues", "short transactions": "StartTransaction, MeterValues twice, StopTransaction"}
"""Kinds of load of OCPP 1.6, and what they are of."""


def ocpp_16(found: Found) -> Table:
    """Closed loops of what stations of OCPP 1.6 send about transactions."""
    rows = []
    for ours, kinds in found.items():
        for kind, what in _OF_16.items():
            for name in (_E, _M, ours):
                one, base = kinds[kind][name], kinds[kind][_M]
                ratio = f"{one['per_second'] / base['per_second']:.2f}"
                times = [f"{one['p50_ms']:.1f}", f"{one['p99_ms']:.1f}", f"{one['cpu_us']:.0f}", str(one["failed"])]
                rows.append([name, what, str(one["active"]), f"{one['per_second']:,.0f}", ratio, *times])
    return Table(
        "Messages of OCPP 1.6 about transactions, closed loop",
        ["system", "messages", "active", "per second", "x M", "p50 ms", "p99 ms", "CPU µs each", "failed"],
        rows,
    )


LONGEST_READ_MS = 100


def reading(found: Found) -> Table:
    """The slowest of what is read, by path."""
    by_path: dict[str, list[Mapping[str, Any]]] = {}
    for one in found["reads"]:
        path = one["read"].partition("?")[0]
        by_path.setdefault(f"{path}, 1,000 items" if "limit=1000" in one["read"] else path, []).append(one)
    rows = []
    for path, reads in by_path.items():
        slowest = max(reads, key=lambda one: one["p50_ms"])
        query = slowest["read"].partition("?")[2] or "-"
        times = [f"{slowest[name]:.0f}" for name in ("p50_ms", "max_ms")]
        times.append(f"{slowest['cpu_ms']:.0f}" if "cpu_ms" in slowest else "-")
        rows.append([path, str(len(reads)), query, *times])
    title = f"Lists, with {found['events']:,} transaction events stored, {found['date']}; the slowest query of each"
    return Table(title, ["path", "queries", "slowest", "p50 ms", "max ms", "CPU ms"], rows)


def cpu_by_process(found: Found) -> Table:
    """Where the CPU time of a TransactionEvent goes."""
    rows = []
    for ours, kinds in found.items():
        parts: Mapping[str, float] = kinds["throughput"][ours]["cpu_us_by_process"]
        rows += [[ours, name, f"{value:.0f}"] for name, value in sorted(parts.items(), key=lambda item: -item[1])]
    return Table("CPU µs for one TransactionEvent, by process", ["system", "process", "µs"], rows)


def latency(found: Found) -> Table:
    """One active station."""
    rows = []
    for ours, kinds in found.items():
        for kind, action in (("latency", "TransactionEvent"), ("authorize", "Authorize")):
            for name in (_E, _M, ours):
                one = kinds[kind][name]
                rows.append([name, action, f"{one['p50_ms']:.2f}", f"{one['p99_ms']:.2f}", f"{one['cpu_us']:.0f}"])
    return Table("Latency with one station active", ["system", "message", "p50 ms", "p99 ms", "CPU µs each"], rows)


def idle(found: Found) -> Table:
    """An idle fleet."""
    rows = [
        [
            name,
            f"{one['connections']:,}",
            f"{one['kib_per_connection']:.1f}",
            ", ".join(
                f"{part} {share:.1f} %" for part, share in one["cpu_percent"].items() if share >= _VISIBLE_PERCENT
            ),
        ]
        for name, one in found.items()
    ]
    columns = ["system", "connections", "KiB each", "CPU with a heartbeat per station and minute (of one core)"]
    return Table("An idle fleet", columns, rows)


def storm(found: Found) -> Table:
    """Reconnect storms."""
    rows = []
    for name, storms in found.items():
        for which, one in storms.items():
            refused = ", ".join(f"{count} x {why}" for why, count in one["refused"].items()) or "none"
            cells = [f"{name}, {which}", f"{one['booted']:,} of {one['stations']:,}", refused]
            times = [f"{one[key]:.1f}" for key in ("seconds", "p50_s", "p99_s")]
            rows.append([*cells, *times, f"{one['cpu_ms_per_station']:.2f}"])
    columns = ["storm", "booted", "refused", "all after s", "p50 s", "p99 s", "CPU ms per station"]
    return Table("All stations connect with passwords and boot at once", columns, rows)


def tls(found: Found) -> Table:
    """Handshakes, memory and a storm with TLS."""
    rows = []
    for one in found.values():
        rows += [
            [f"handshake, {name}", f"{rate['per_second']:,} per second", f"{rate['cpu_ms']:.2f} ms"]
            for name, rate in one["handshakes"].items()
        ]
        for kind in ("plain", "tls"):
            memory = f"{one[f'{kind}_kib_per_connection']:.1f} KiB each"
            rows.append([f"{one['connections']:,} idle connections, {kind}", memory, ""])
        for kind, storm_found in one["storms"].items():
            booted = f"{storm_found['booted']:,} of {storm_found['stations']:,} after {storm_found['seconds']:.1f} s"
            rows.append([f"storm, {kind}", booted, f"{storm_found['cpu_ms_per_station']:.2f} ms"])
    return Table("TLS, standalone", ["what", "measured", "CPU each"], rows)


def flat(found: Found) -> Table:
    """What a message costs by connections and history, and commands."""
    by_connections: Mapping[str, Any] = found["connections"]
    least = min(one["cpu_us"] for one in by_connections.values())
    rows = [
        [f"{int(count):,} connected", f"{one['cpu_us']:.0f}", f"{one['cpu_us'] / least:.2f}", f"{one['e_cpu_us']:.0f}"]
        for count, one in by_connections.items()
    ]
    history = found["history"]
    empty, full = history["empty"]["cpu_us"], history["full"]["cpu_us"]
    rows.append(["empty database", f"{empty:.0f}", "1.00", ""])
    rows.append(
        [f"{history['events']:,} events ({history['bytes'] / 2**30:.1f} GiB)", f"{full:.0f}", f"{full / empty:.2f}", ""]
    )
    return Table(
        "CPU of a TransactionEvent, standalone", ["with", "CPU µs each", "x", "E in the same minute, µs"], rows
    )


def commands(found: Found) -> Table:
    """Commands in parallel."""
    one = found["commands"]
    row = [
        f"{one['accepted']:,} of {one['stations']:,}",
        f"{one['seconds']:.2f}",
        f"{one['per_second']:.0f}",
        f"{one['p99_ms']:.0f}",
    ]
    return Table(
        "Commands to many stations at once, through the API", ["answered", "seconds", "per second", "p99 ms"], [row]
    )


def many_commands(found: Found) -> Table:
    """Commands to many stations, one by one and as one job."""
    what = {"single": "POST …/calls/ClearCache for each, all at once", "bulk": "POST /bulk, once"}
    rows = [
        [
            system,
            what[kind],
            f"{one['accepted']:,} of {one['stations']:,}",
            f"{one['seconds']:.2f}",
            f"{one['per_second']:,.0f}",
            f"{one['cpu_us']:,.0f}",
        ]
        for system, kinds in found.items()
        for kind, one in kinds.items()
    ]
    return Table(
        "A command to each of many stations, until the last has answered",
        ["system", "how", "answered", "seconds", "per second", "CPU µs each"],
        rows,
    )


def scale(found: Found) -> Table:
    """One and two of each."""
    rows = [
        [which, f"{one['per_second']:,.0f}", f"{one['cpu_us']:.0f}", f"{_scale_ratio(found, one):.2f}"]
        for which, one in found.items()
    ]
    return Table(
        "CPU of a TransactionEvent, distributed; x compares with one of each and as many active for each process",
        ["gateways and transactions", "per second", "CPU µs each", "x"],
        rows,
    )


def _scale_ratio(found: Found, one: Found) -> float:
    load = one["active"] // one["processes"]
    base = next(other for other in found.values() if other["processes"] == 1 and other["active"] == load)
    return float(one["cpu_us"] / base["cpu_us"])


def traces(found: Found) -> Table:
    """What traces cost."""
    rows = [[share, f"{one['cpu_us']:.0f}", f"{one['more_us']:.0f}"] for share, one in found.items()]
    columns = ["recorded", "CPU µs each, stations included", "more"]
    return Table("A TransactionEvent with traces, standalone", columns, rows)


def messages(found: Found) -> Table:
    """What the message log costs."""
    rows = []
    for mode, kinds in found.items():
        for kind, both in kinds.items():
            bare, logged = both["without"], both["with"]
            lost = 1 - logged["per_second"] / bare["per_second"]
            cells = [mode, kind, f"{bare['per_second']:,.0f}", f"{logged['per_second']:,.0f}", f"{100 * lost:.0f} %"]
            times = [f"{one['p50_ms']:.1f}" for one in (bare, logged)]
            rows.append([*cells, *times, *(f"{one['cpu_us']:.0f}" for one in (bare, logged))])
    columns = ["system", "load", "per second, without", "with", "lost", "p50 ms, without", "with", "CPU µs, without"]
    return Table("TransactionEvents with the message log and without", [*columns, "with"], rows)


def verdicts(found: Found) -> Table:
    """Each target beside what was measured."""
    rows = [[target, figure, "met" if met else "missed"] for target, figure, met in _verdicts(found)]
    return Table("Targets", ["target", "measured", ""], rows)


def _ours(found: Found) -> Iterator[tuple[str, Any]]:
    return ((name, one) for name, one in found.items() if name not in BASELINES.values())


def _verdicts(found: Found) -> Iterator[tuple[str, str, bool]]:
    yield from _round_trip_verdicts(found.get("round-trips", {}))
    yield from _verdicts_of_16(found.get("ocpp-1.6", {}))
    for name, one in _ours(found.get("idle", {})):
        kib = one["kib_per_connection"]
        yield f"{name}: memory per idle connection ≤ 40 KiB", f"{kib:.1f} KiB", kib <= LARGEST_IDLE_KIB
    for name, storms in _ours(found.get("storm", {})):
        for which, one in storms.items():
            all_in = one["booted"] == one["stations"] and not one["refused"] and one["seconds"] <= LONGEST_STORM_S
            what = f"storm of {one['stations']:,}, {which}, within 30 s, none refused"
            yield f"{name}: {what}", f"{one['seconds']:.1f} s", all_in
    for name, one in found.get("tls", {}).items():
        kib = one["tls_kib_per_connection"]
        yield f"{name}: memory per idle TLS connection ≤ 120 KiB", f"{kib:.1f} KiB", kib <= LARGEST_TLS_KIB
    if "flat" in found:
        yield from _flat_verdicts(found["flat"])
    if "reading" in found:
        slowest = max(one["p50_ms"] for one in found["reading"]["reads"] if "limit=" not in one["read"])
        what = f"each list and filter, {found['reading']['events']:,} events stored, 100 items ≤ {LONGEST_READ_MS} ms"
        yield what, f"{slowest:.0f} ms", slowest <= LONGEST_READ_MS
    for mode, kinds in found.get("messages", {}).items():
        bare, logged = kinds["throughput"]["without"], kinds["throughput"]["with"]
        lost = 1 - logged["per_second"] / bare["per_second"]
        yield f"{mode}: the message log takes ≤ 15 % of throughput", f"{100 * lost:.0f} %", lost <= MOST_FOR_MESSAGES
        more = kinds["latency"]["with"]["p50_ms"] - kinds["latency"]["without"]["p50_ms"]
        yield f"{mode}: the message log adds ≤ 1 ms to the median", f"{more:.1f} ms", more <= 1
    scaled = found.get("scale", {})
    for one in scaled.values():
        if one["processes"] > 1:
            ratio, load = _scale_ratio(scaled, one), one["active"] // one["processes"]
            target = f"two of each, {load} active for each process: CPU per message ≤ {LARGEST_SCALE:g} x"
            yield target, f"{ratio:.2f} x", ratio <= LARGEST_SCALE


_LEAST_OF_16 = 3.0
"""Throughput of messages of OCPP 1.6 in x M."""
_LIMITS = {STANDALONE: (3.0, 5.0, None), DISTRIBUTED: (2.0, 10.0, 40.0)}
"""System → throughput in x M, median and p99 of the latency in ms."""


def _round_trip_verdicts(found: Found) -> Iterator[tuple[str, str, bool]]:
    for ours, kinds in found.items():
        least, median, p99 = _LIMITS[ours]
        ratio = kinds["throughput"][ours]["per_second"] / kinds["throughput"][_M]["per_second"]
        yield f"{ours}: throughput ≥ {least:g} x M", f"{ratio:.2f} x", ratio >= least
        for kind, action in (("latency", "TransactionEvent"), ("authorize", "Authorize")):
            one = kinds[kind][ours]
            yield f"{ours}: {action}, median ≤ {median:g} ms", f"{one['p50_ms']:.1f} ms", one["p50_ms"] <= median
            if p99 is not None:
                yield f"{ours}: {action}, p99 ≤ {p99:g} ms", f"{one['p99_ms']:.1f} ms", one["p99_ms"] <= p99


def _verdicts_of_16(found: Found) -> Iterator[tuple[str, str, bool]]:
    for ours, kinds in found.items():
        for kind, what in _OF_16.items():
            ratio = kinds[kind][ours]["per_second"] / kinds[kind][_M]["per_second"]
            target = f"{ours}: OCPP 1.6, {what}, throughput ≥ {_LEAST_OF_16:g} x M"
            yield target, f"{ratio:.2f} x", ratio >= _LEAST_OF_16


def _flat_verdicts(found: Found) -> Iterator[tuple[str, str, bool]]:
    costs = [one["cpu_us"] for one in found["connections"].values()]
    ratio = max(costs) / min(costs)
    yield (
        f"CPU per message at {', '.join(found['connections'])} connected ≤ 1.25 x",
        f"{ratio:.2f} x",
        ratio <= LARGEST_FLAT,
    )
    history = found["history"]
    ratio = history["full"]["cpu_us"] / history["empty"]["cpu_us"]
    yield f"CPU per message with {history['events']:,} stored events ≤ 1.25 x", f"{ratio:.2f} x", ratio <= LARGEST_FLAT


def tables(found: Found) -> list[Table]:
    """All tables for which there are figures."""
    makers = (
        ("round-trips", (throughput, with_tokens, cpu_by_process, latency)),
        ("ocpp-1.6", (ocpp_16,)),
        ("idle", (idle,)),
        ("storm", (storm,)),
        ("tls", (tls,)),
        ("flat", (flat, commands)),
        ("commands", (many_commands,)),
        ("scale", (scale,)),
        ("reading", (reading,)),
        ("retention", (retention,)),
        ("partitions", (partitions,)),
        ("million", (million, counting, room)),
        ("traces", (traces,)),
        ("messages", (messages,)),
    )
    made = [make(found[name]) for name, several in makers if found.get(name) for make in several]
    return [*made, verdicts(found)]
