"""Writes docs/performance.md from a result set: `python -m bench.report [NAME]`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from bench import results, sizing, tables, tables_of_room
from bench.sizing import CHARGING, EVENT_EVERY_S, PEAK, USED

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
TEXTS = Path(__file__).parent / "texts"
"""What people have to say about the figures."""

_HEAD = """# Performance

Written by `make report ARGS={name}` from `bench/results/{name}.json`; do not edit. `make bench` measures again (an
hour or more, `--only` for a section; `make bench ARGS=--quick` takes minutes and is no more than a look).

Round trips, idle fleets and storms stand beside two baselines, measured in the same run, on the same machine, with the
same client; flat cost stands beside E, TLS beside the same without TLS, two processes of each beside one. A section
can be measured again without the others, so the sections need not be of the same hour.

* **E**, a bare `websockets` server that parses each frame and answers it: the ceiling of this stack;
* **M**, a CSMS made with the PyPI package `ocpp`, which stores nothing: what a Python user would write instead.

Ours store every event durably before the station is answered: on SQLite with `synchronous=FULL`, or on Kafka with
`acks=all` and then in PostgreSQL with `synchronous_commit=on`.

Measured on {cores} cores ({processor}, {memory_gib} GiB), which client, servers, broker and database share; Python
{python}; {packages}.
A system and its baselines are measured in turn, some seconds at a time, and the medians of several runs count. CPU
figures are of all processes of a system, the client's left out.
"""

_SECTIONS: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    ("round-trips", "Round trips", (tables.throughput, tables.with_tokens, tables.cpu_by_process, tables.latency)),
    ("ocpp-1.6", "OCPP 1.6", (tables.ocpp_16,)),
    ("idle", "Idle connections", (tables.idle,)),
    ("storm", "Reconnect storm", (tables.storm,)),
    ("tls", "TLS", (tables.tls,)),
    ("flat", "Flat cost", (tables.flat, tables.commands)),
    ("commands", "Commands", (tables.many_commands,)),
    ("scale", "More processes", (tables.scale,)),
    ("reading", "Reading", (tables.reading,)),
    ("retention", "Deleting", (tables_of_room.retention,)),
    ("partitions", "Partitions", (tables_of_room.partitions,)),
    ("million", "A million stations", (tables_of_room.million, tables_of_room.counting, tables_of_room.room)),
    ("traces", "Traces", (tables.traces,)),
    ("messages", "Message log", (tables.messages,)),
)


def page(name: str, found: Mapping[str, Any]) -> str:
    """The page's text."""
    return "\n\n".join([*_parts(name, found), ""]).replace("\n\n\n", "\n\n")


def _parts(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    about = found["about"]
    packages = ", ".join(f"{package} {version}" for package, version in about["packages"].items())
    yield _HEAD.format(**{**about, "packages": packages, "name": name}).rstrip()
    yield "## Targets"
    yield tables.verdicts(found).as_markdown()
    yield from _text("targets")
    for case, title, makers in _SECTIONS:
        if not found.get(case):
            continue
        yield f"## {title}"
        yield from _measured(found, case)
        for make in makers:
            table = make(found[case])
            if not table.rows:  # measured before there was such a case
                continue
            yield f"{table.title}:"
            yield table.as_markdown()
        yield from _text(case)
    yield from _sizing(found)


def _measured(found: Mapping[str, Any], case: str) -> Iterator[str]:
    """When and where, for a section that is not of the latest run, and how busy the machine was."""
    about, measured = found["about"], found.get("measured", {}).get(case)
    if measured and any(measured[key] != about[key] for key in ("date", "processor")):
        yield f"Measured on {measured['date']} ({measured['processor']}), with the code of that day."
    if measured and "load_before" in measured:  # older results do not tell
        yield f"Load average before this section was measured: {measured['load_before']}."


def _sizing(found: Mapping[str, Any]) -> Iterator[str]:
    cost = sizing.costs(found)
    if cost is None:
        return
    yield "## Sizing on paper"
    yield (
        f"From the figures above, for fleets of which {CHARGING:.0%} are in a transaction at the busiest hour and send "
        f"a meter value every {EVENT_EVERY_S:g} s; planned for {PEAK:g} times that, with {USED:.0%} of a core used. A "
        f"TransactionEvent costs {cost.gateway_us:.0f} µs in the gateway, {cost.transactions_us:.0f} µs in "
        f"transactions, "
        f"{cost.kafka_us:.0f} µs in Kafka, {cost.postgres_us:.0f} µs in PostgreSQL and {cost.event_bytes:.0f} bytes of "
        f"database; a heartbeat {cost.heartbeat_us:.0f} µs; an idle connection {cost.connection_kib:.0f} KiB."
    )
    yield sizing.sizing(cost).as_markdown()
    yield from _text("sizing")


def _text(name: str) -> Iterator[str]:
    file = TEXTS / f"{name}.md"
    if file.exists():
        yield file.read_text().strip()


def main(name: Annotated[str, typer.Argument(help="The result set.")] = "2-cores") -> None:
    """Write docs/performance.md."""
    PAGE.write_text(page(name, results.load(name)))
    print(f"Written: {PAGE}")


if __name__ == "__main__":
    typer.run(main)
