"""A database that goes back to an earlier moment, and consumer groups with it, as docs/runbooks/restore.md says."""

import asyncio
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
from aiokafka.admin import AIOKafkaAdminClient
from csms_bus.topics import API_KEYS

from csms_testing.drills.api import Api
from csms_testing.drills.arena import Arena
from csms_testing.drills.drill import Drill, Scene, Stage
from csms_testing.drills.failure import DrillFailed
from csms_testing.kafka import ONE_BROKER
from csms_testing.postgres_archive import PostgresArchive

_DEADLINE_S = 180.0
_KNOWN_WITHIN_S = 30.0
_WITH_DATABASE = ("auth-0", "transactions-0", "device-mgmt-0", "history-0")
_MARGIN_S = 15
"""Instead of a quarter of an hour, which would have everything handled again: the drill shall see a margin end."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """API keys of other teams, of before the moment and since."""

    before: str
    since: str


async def to_a_moment(scene: Scene) -> float:
    """Restore PostgreSQL to a moment under load; gateways and stations go on. Nothing that stations told is lost."""
    arena, commands = scene.arena, scene.load.commands
    archive = PostgresArchive(arena.database, arena.directory / "archive")
    try:
        await asyncio.to_thread(archive.begin)
        before = await _new_key(arena.api, "before")
        await scene.load.steady()
        known, moment = set(commands.answers), datetime.now(UTC)
        keys = _Keys(before, await _new_key(arena.api, "since"))
        await asyncio.sleep(scene.outage_s)
        began = time.monotonic()
        await asyncio.gather(*(arena.processes[name].stop() for name in _WITH_DATABASE))
        await asyncio.to_thread(archive.restore, moment)
    finally:
        await asyncio.to_thread(archive.close)
    scene.notes |= {
        "back_s": round((datetime.now(UTC) - moment).total_seconds(), 1),
        "events_gone": await _gone(scene),
        "records_again": await _rewind(arena, moment),
    }
    await _forget_api_keys(arena)
    # What people asked since is nowhere but in the database.
    for call_id in commands.answers.keys() - known:
        del commands.answers[call_id]
    scene.restored = True
    await arena.start_services(_WITH_DATABASE)
    recovery_s = await scene.load.served_again(began, _DEADLINE_S)
    await _keys_are_of_the_moment(arena, keys)
    await _audited(arena.api, moment)
    return recovery_s


async def _new_key(api: Api, name: str) -> str:
    made = await api.request("POST", "/api-keys", {"name": f"{name} the moment", "scopes": ["read"]})
    return str(made.raise_for_status().json()["key"])


async def _gone(scene: Scene) -> int:
    """Count the acknowledged events that are not stored any more. Raises DrillFailed when nothing went back."""
    stored = await scene.arena.store.read(scene.load.prefix)
    gone = len(scene.load.ledger.acknowledged_keys() - stored.events.keys())
    if not gone or not stored.events:
        raise DrillFailed(f"of the events {gone} are gone and {len(stored.events)} are stored after the restore")
    return gone


async def _rewind(arena: Arena, moment: datetime) -> int:
    """Set the groups back by the program that people run. Returns how many records are handled again."""
    to = ("csms_bus.rewind", "--to", moment.isoformat(), "--margin-s", str(_MARGIN_S))
    looked = await _run(arena, *to, "--dry-run")
    done = await _run(arena, *to)
    if looked != done:
        raise DrillFailed(f"--dry-run said {looked}, then it was {done}")
    if "WARNING" in done:
        raise DrillFailed(f"topics do not reach back: {done}")
    return sum(int(line.split(": ")[2].split()[0]) for line in done.splitlines())


async def _forget_api_keys(arena: Arena) -> None:
    """Delete their topic and make it again, while gateways read it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=arena.broker.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([API_KEYS.name])
    finally:
        await admin.close()
    await _run(arena, "csms_bus.admin", "--replication-factor", str(ONE_BROKER.replication_factor))


async def _run(arena: Arena, module: str, *arguments: str) -> str:
    """Run a program, and return what it wrote. Raises DrillFailed when it fails."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        "--bootstrap",
        arena.broker.bootstrap,
        *arguments,
        cwd=Path(sys.prefix),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    if process.returncode != 0:
        raise DrillFailed(f"{module} failed: {errors.decode()[-500:]}")
    return out.decode()


async def _keys_are_of_the_moment(arena: Arena, keys: _Keys) -> None:
    """Raise DrillFailed unless services soon accept the key of before, and no longer the other one."""
    wanted, found = (200, 401), (0, 0)
    deadline = time.monotonic() + _KNOWN_WITHIN_S
    while found != wanted:
        if time.monotonic() > deadline:
            raise DrillFailed(f"keys of before and since the moment are answered {found}")
        await asyncio.sleep(0.5)
        url = f"{arena.processes['transactions-0'].http_url}/api/v1/transactions"
        found = (await _status(url, keys.before), await _status(url, keys.since))


async def _status(url: str, key: str) -> int:
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as client:
        return (await client.get(url)).status_code


async def _audited(api: Api, moment: datetime) -> None:
    """Raise DrillFailed unless the audit log soon tells what was asked since."""
    deadline = time.monotonic() + _KNOWN_WITHIN_S
    wanted = {"since": moment.isoformat(), "path": "/api/v1/api-keys"}
    while not (await api.request("GET", "/audit", params=wanted)).raise_for_status().json()["items"]:
        if time.monotonic() > deadline:
            raise DrillFailed("the audit log does not tell that an API key was made since the moment")
        await asyncio.sleep(0.5)


DRILLS = (
    Drill(
        "restore-to-a-moment",
        "PostgreSQL restored to half a minute ago under load, groups set back",
        Stage.CLUSTER,
        to_a_moment,
    ),
)
