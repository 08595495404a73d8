"""TLS: handshakes full and resumed, memory of idle connections, a reconnect storm beside the same one without TLS."""

import asyncio
import functools
import socket
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csms_testing import systems
from csms_testing.secured import secured
from csms_testing.systems import System

from bench.cases.storm import register, storm_of
from bench.fleet import fleet, names
from bench.settings import Settings
from bench.systems import STANDALONE, Target
from bench.usage import cpu_seconds, memory_bytes

_CONNECTIONS = 5_000
_CLIENTS = 2
"""Processes that make handshakes: one on two cores would be what is measured."""
_SETTLE_S = 5.0


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of handshake."""

    name: str
    version: ssl.TLSVersion
    ciphers: str = ""
    resumed: bool = False
    certificate: bool = False
    """Whether the client shows one."""


_KINDS = (
    _Kind("TLS 1.3, ECDSA", ssl.TLSVersion.TLSv1_3),
    _Kind("TLS 1.3, ECDSA, client certificate", ssl.TLSVersion.TLSv1_3, certificate=True),
    _Kind("TLS 1.3, resumed", ssl.TLSVersion.TLSv1_3, resumed=True),
    _Kind("TLS 1.2, ECDHE-ECDSA", ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    _Kind("TLS 1.2, ECDHE-RSA", ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256"),
    _Kind("TLS 1.2, RSA", ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256"),
    _Kind("TLS 1.2, resumed", ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", resumed=True),
)


@dataclass(frozen=True, slots=True)
class _Files:
    """What a client process makes its context of."""

    root: str
    certificate: str
    key: str


def _context(kind: _Kind, files: _Files) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.root)
    context.minimum_version = context.maximum_version = kind.version
    if kind.ciphers:
        context.set_ciphers(kind.ciphers)
    if kind.certificate:
        context.load_cert_chain(files.certificate, files.key)
    return context


def _handshakes(kind: _Kind, files: _Files, port: int, seconds: float) -> int:
    """Make handshakes, one after the other, for so long; return how many. Runs in a process of its own."""
    context = _context(kind, files)
    session = _session(context, port) if kind.resumed else None
    done, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        with _connected(context, port, session) as tls:
            if bool(tls.session_reused) is not kind.resumed:
                raise RuntimeError(f"{kind.name}: resumed is {tls.session_reused}")
            done += 1
    return done


def _connected(context: ssl.SSLContext, port: int, session: ssl.SSLSession | None) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port))
    return context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)


def _session(context: ssl.SSLContext, port: int) -> ssl.SSLSession | None:
    """A session to resume; with TLS 1.3 it comes behind the handshake, so an answer is waited for."""
    with _connected(context, port, None) as tls:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
        with suppress(OSError):
            while tls.recv(4096):
                pass
        return tls.session


async def _rate(system: System, kind: _Kind, settings: Settings, pool: ProcessPoolExecutor) -> dict[str, Any]:
    client = system.pki.save("bench-client", system.pki.client("BENCH"))
    files = _Files(str(system.pki.root_file), str(client.certificate), str(client.key))
    port = urlsplit(system.ocpp_tls_urls[0]).port or 0
    work = functools.partial(_handshakes, kind, files, port, settings.seconds)
    loop = asyncio.get_running_loop()
    before = cpu_seconds(system.pids["standalone"])
    done = sum(await asyncio.gather(*(loop.run_in_executor(pool, work) for _ in range(_CLIENTS))))
    used = cpu_seconds(system.pids["standalone"]) - before
    return {"per_second": round(done / settings.seconds), "cpu_ms": round(1000 * used / max(1, done), 3)}


@asynccontextmanager
async def _system(**settings: str) -> AsyncIterator[System]:
    with tempfile.TemporaryDirectory(prefix="csms-bench-") as directory:
        security = await secured(Path(directory))
        async with systems.standalone(Path(directory), security, CSMS_LOG_LEVEL="warning", **settings) as system:
            yield system


async def _memory(system: System, urls: list[str], context: ssl.SSLContext | None, count: int) -> float:
    """KiB of each idle connection."""
    prefix = "TLS" if context else "PLAIN"
    pid = system.pids["standalone"]
    async with fleet(urls, 100, prefix=f"{prefix}-WARM", context=context):
        await asyncio.sleep(_SETTLE_S)
        before = memory_bytes(pid)
        async with fleet(urls, count, prefix=prefix, context=context):
            await asyncio.sleep(_SETTLE_S)
            return round((memory_bytes(pid) - before) / 1024 / count, 1)


async def _storms(system: System, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    found = {}
    for name, urls, profile, context in (
        ("plain", system.ocpp_urls, 1, None),
        ("TLS", system.ocpp_tls_urls, 2, system.pki.context()),
    ):
        target = Target(name, urls, system.pids, {}, system.http_url, system.api_key)
        stations = names(count, f"STORM-{profile}")
        await register(target, stations, security_profile=profile)
        say(f"storm, {name}: {count} stations at once")
        found[name] = await storm_of(target, stations, context)
    return found


async def measure(settings: Settings) -> dict[str, Any]:
    """Target: 120 KiB for each idle connection with TLS."""
    count = min(_CONNECTIONS, settings.fleet)
    found: dict[str, Any] = {"connections": count}
    async with _system() as system:
        with ProcessPoolExecutor(_CLIENTS, mp_context=get_context("spawn")) as pool:
            found["handshakes"] = {kind.name: await _rate(system, kind, settings, pool) for kind in _KINDS}
    # Each in a new process: what one leaves behind in the allocator would serve the other.
    for name in ("plain", "TLS"):
        async with _system() as system:
            settings.say(f"memory of {count} idle connections, {name}")
            urls, context = (system.ocpp_tls_urls, system.pki.context()) if name == "TLS" else (system.ocpp_urls, None)
            found[f"{name.lower()}_kib_per_connection"] = await _memory(system, urls, context, count)
    async with _system(CSMS_UNKNOWN_STATIONS="reject") as system:
        found["storms"] = await _storms(system, count, settings.say)
    return {STANDALONE: found}
