"""What `csms-simulator run` does."""

import asyncio
import secrets
import ssl
from dataclasses import dataclass
from pathlib import Path

import orjson
import typer
from csms_runtime.texts import for_terminal

from csms_testing.simulator.api import CsmsApi
from csms_testing.simulator.charging import ChargeResult, Plan
from csms_testing.simulator.clock import Clock
from csms_testing.simulator.config import StationConfig
from csms_testing.simulator.fleet import Fleet, identities
from csms_testing.simulator.frames import Call, CallError, Frame
from csms_testing.simulator.ledger import State
from csms_testing.simulator.protocol import Protocol
from csms_testing.simulator.stats import Direction, Stats

_SECRETS = ("AuthorizationKey", "BasicAuthPassword", '"KeyCode"')
_CONNECT_S_PER_STATION = 0.5
_LEAST_CONNECT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `csms-simulator run`; see its --help."""

    urls: list[str]
    protocols: list[Protocol]
    stations: int
    sessions: int
    id_token: str
    prefix: str
    first: int
    password: str | None
    ca_file: Path | None
    certificate: Path | None
    key: Path | None
    duration_s: float
    meter_interval_s: float
    speed: float
    concurrency: int
    connect_concurrency: int
    hold_s: float
    compression: bool
    register_at: str | None
    api_key: str
    ledger: Path | None
    verbose: bool


async def run(options: Options) -> bool:
    """Run the fleet; whether all stations were accepted and all events were answered."""
    fleet = Fleet(
        options.stations,
        options.urls,
        prefix=options.prefix,
        first=options.first,
        password=await _passwords(options),
        config=_configs(options),
        clock=Clock(options.speed),
        observer=print_frame if options.verbose else None,
        connect_concurrency=options.connect_concurrency,
    )
    try:
        async with fleet:
            results = await _work(fleet, options)
    finally:
        if options.ledger is not None:
            fleet.ledger.save(options.ledger)
    _print_summary(fleet, results)
    return len(fleet.ledger.in_state(State.ACKNOWLEDGED)) == len(fleet.ledger)


def _configs(options: Options) -> list[StationConfig]:
    ssl = _tls(options)
    return [
        StationConfig(protocol=protocol, compression=options.compression, ssl=ssl) for protocol in options.protocols
    ]


def _tls(options: Options) -> ssl.SSLContext | None:
    if not any(url.startswith("wss:") for url in options.urls):
        return None
    context = ssl.create_default_context(cafile=options.ca_file)
    if options.certificate is not None:
        context.load_cert_chain(options.certificate, options.key)
    return context


async def _passwords(options: Options) -> str | dict[str, str] | None:
    if options.register_at is None:
        return options.password
    names = identities(options.stations, options.prefix, options.first)
    passwords = {name: options.password or secrets.token_urlsafe(16) for name in names}
    async with CsmsApi(options.register_at, options.api_key) as api:
        await api.put_stations(passwords)
        await api.put_id_token(options.id_token)
    return passwords


async def _work(fleet: Fleet, options: Options) -> list[ChargeResult]:
    limit = max(_LEAST_CONNECT_S, options.stations * _CONNECT_S_PER_STATION)
    await fleet.wait_accepted(limit)
    typer.echo(f"{fleet.accepted} stations accepted")
    plan = Plan(duration_s=options.duration_s, meter_interval_s=options.meter_interval_s)
    results = await fleet.run_sessions(options.sessions, options.id_token, plan, concurrency=options.concurrency)
    await fleet.flushed()
    await asyncio.sleep(options.hold_s)
    return results


def print_frame(station_id: str, direction: Direction, frame: Frame) -> None:
    """Print one message as a line."""
    arrow = "->" if direction == "sent" else "<-"
    typer.echo(f"{station_id} {arrow} {describe(frame)}")


def describe(frame: Frame) -> str:
    """A frame in one line, harmless for a terminal; passwords and key codes are not shown."""
    return for_terminal(_described(frame))


def _described(frame: Frame) -> str:
    if isinstance(frame, CallError):
        return f"CALLERROR {frame.code} {frame.description}"
    payload = orjson.dumps(frame.payload).decode()
    if isinstance(frame, Call):
        shown = "(hidden)" if any(secret in payload for secret in _SECRETS) else payload
        return f"{frame.action} {shown}"
    return f"answer {payload}"


def _print_summary(fleet: Fleet, results: list[ChargeResult]) -> None:
    energy = sum(result.energy_wh for result in results) / 1000
    typer.echo(f"{len(results)} sessions, {energy:.1f} kWh")
    typer.echo(describe_stats(fleet.stats))
    typer.echo("ledger: " + ", ".join(f"{name} {count}" for name, count in fleet.ledger.summary().items()))
    for violation in fleet.ledger.violations[:10]:
        typer.echo(for_terminal(f"violation: {violation}"), err=True)


def describe_stats(stats: Stats) -> str:
    """Message counts and answer times in one line."""
    p50, p95, p99 = (stats.percentile(fraction) * 1000 for fraction in (0.5, 0.95, 0.99))
    times = f"mean {stats.mean_answer_time * 1000:.1f} ms, p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f}"
    trouble = f"{stats.errors} CALLERRORs, {stats.timeouts} timeouts, {stats.losses} losses, {stats.refusals} refusals"
    return f"{stats.messages} messages, {stats.messages_per_second:.0f}/s; answers: {times}; {trouble}"
