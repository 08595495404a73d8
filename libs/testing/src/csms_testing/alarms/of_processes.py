"""Faults of processes: dead ones, frozen ones, and some too many."""

import asyncio
import os
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from csms_bus.admin import create_topics

from csms_testing.alarms.fault import Fault, Scene
from csms_testing.alarms.of_stations import coming_and_going
from csms_testing.cluster.layout import free_port
from csms_testing.cluster.processes import ServiceProcess
from csms_testing.kafka import ONE_BROKER

_READY_S = 400.0
_SCRAPED_S = 6.0
_SLOT_BEYOND = 40
"""A slot without a partition in the gateways' inbox, which has 32."""


@asynccontextmanager
async def auth_dead(scene: Scene) -> AsyncIterator[None]:
    """The only auth is dead, and stations come and go."""
    auth = scene.arena.processes["auth-0"]
    await auth.kill()
    try:
        async with coming_and_going(scene):
            yield
    finally:
        await auth.start()
        await auth.ready(_READY_S)


@asynccontextmanager
async def transactions_frozen(scene: Scene) -> AsyncIterator[None]:
    """The only transactions stands still."""
    process = scene.arena.processes["transactions-0"]
    process.freeze()
    try:
        yield
    finally:
        process.thaw()


@asynccontextmanager
async def gateways_dead(scene: Scene) -> AsyncIterator[None]:
    """All gateways are dead."""
    gateways = [
        process for name, process in scene.arena.processes.items() if name.startswith("gateway") and process.pid
    ]
    for process in gateways:
        await process.kill()
    try:
        yield
    finally:
        await scene.arena.start_services([process.name for process in gateways])


@asynccontextmanager
async def auth_crashes(scene: Scene) -> AsyncIterator[None]:
    """Auth is started again and again."""
    auth = scene.arena.processes["auth-0"]
    for _ in range(3):
        await auth.kill()
        await auth.start()
        await auth.ready(_READY_S)
        await asyncio.sleep(_SCRAPED_S)
    yield


@asynccontextmanager
async def few_files(scene: Scene) -> AsyncIterator[None]:
    """A gateway may open hardly more files than it has."""
    pid = scene.arena.processes["gateway-0"].pid or 0
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    in_use = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 of the kernel, at once
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (in_use + in_use // 10 + 2, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@asynccontextmanager
async def slot_twice(scene: Scene) -> AsyncIterator[None]:
    """Somebody starts one more gateway with the slot of the first one, which ends."""
    first = scene.arena.processes["gateway-0"]
    try:
        async with _another_gateway(scene, 0) as second:
            await second.ready(_READY_S)
            async with asyncio.timeout(_READY_S):
                await first.ended()
            yield
    finally:
        await first.start()
        await first.ready(_READY_S)


@asynccontextmanager
async def slot_beyond(scene: Scene) -> AsyncIterator[None]:
    """Gateways were scaled to more than their inbox has partitions; the admin then adds some, and it is well."""
    async with _another_gateway(scene, _SLOT_BEYOND) as gateway:
        yield
        plan = replace(ONE_BROKER, inbox_partitions=_SLOT_BEYOND + 1)
        await create_topics(scene.arena.broker.bootstrap, plan)
        await gateway.ready(_READY_S)


@asynccontextmanager
async def _another_gateway(scene: Scene, slot: int) -> AsyncIterator[ServiceProcess]:
    first = scene.arena.processes["gateway-0"]
    ports = {name: str(free_port()) for name in ("CSMS_HTTP_PORT", "CSMS_OCPP_PORT", "CSMS_OCPP_TLS_PORT")}
    management = free_port()
    own = {**ports, "CSMS_MANAGEMENT_PORT": str(management), "CSMS_SLOT": str(slot)}
    log = first.log_file.with_name(f"gateway-more-{slot}.log")
    process = ServiceProcess("gateway-more", first.module, {**first.environment, **own}, management, log)
    with scene.watched(process):
        await process.start()
        try:
            yield process
        finally:
            await process.stop()


@asynccontextmanager
async def two_versions(scene: Scene) -> AsyncIterator[None]:
    """A second transactions runs, of another version: a rollout that does not go on."""
    process = scene.arena.processes["transactions-1"]
    ours = process.environment
    process.environment = {**ours, "PYTHONPATH": str(_other_version(scene.arena.directory / "other-version"))}
    with scene.watched(process):
        await process.start()
        try:
            await process.ready(_READY_S)
            yield
        finally:
            await process.stop()
            process.environment = ours


def _other_version(directory: Path) -> Path:
    """Make a directory whose metadata of the distribution `csms`, found before ours, say another version."""
    metadata = directory / "csms-999.0.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True, exist_ok=True)
    metadata.write_text("Metadata-Version: 2.1\nName: csms\nVersion: 999.0\n")
    return directory


FAULTS: tuple[Fault, ...] = (
    Fault(
        "auth-dead",
        "the only auth is dead, stations come and go",
        frozenset({"CsmsTargetDown", "CsmsServiceMissing", "CsmsHandshakesFail", "CsmsHandshakesFailSlowly"}),
        auth_dead,
    ),
    Fault(
        "transactions-frozen",
        "the only transactions process stands still",
        frozenset({"CsmsTargetDown", "CsmsServiceMissing", "CsmsAnswersSlow", "CsmsAnswersSlowly"}),
        transactions_frozen,
    ),
    Fault(
        "gateways-dead",
        "all gateways are dead",
        frozenset({"CsmsStationsGone", "CsmsTargetDown", "CsmsServiceMissing"}),
        gateways_dead,
    ),
    Fault("auth-crashes", "auth is started again and again", frozenset({"CsmsRestarts"}), auth_crashes),
    Fault("few-files", "a gateway runs out of files", frozenset({"CsmsFilesRunOut"}), few_files),
    Fault(
        "slot-twice",
        "a second gateway has the slot of the first one",
        frozenset({"CsmsSlotConflict"}),
        slot_twice,
    ),
    Fault(
        "slot-beyond",
        "a gateway has a slot that its inbox has no partition for",
        frozenset({"CsmsComponentUnhealthy"}),
        slot_beyond,
    ),
    Fault(
        "two-versions",
        "a process of another version stays beside the others",
        frozenset({"CsmsMixedVersions"}),
        two_versions,
        fire_s=400,
    ),
)
