"""API keys over the bus."""

import asyncio
import hashlib

import pytest
from csms_bus.api_keys import ApiKeyFeed, api_key_record
from csms_bus.api_security import ApiSecurity
from csms_bus.ports import Outgoing
from csms_bus.topics import API_KEYS
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, Principal, Scope, StoredKey
from csms_runtime.ids import new_id
from csms_runtime.settings import RuntimeSettings
from csms_testing.buses import DEADLINE_S, World


def made(key: str, *, key_id: str | None = None, revoked: bool = False, expires_at_ms: int = 0) -> StoredKey:
    return StoredKey(
        key_id=key_id or f"id-{key}",
        sha256=hashlib.sha256(key.encode()).digest(),
        principal=Principal.with_scopes("billing", ["operate"]),
        expires_at_ms=expires_at_ms,
        revoked=revoked,
    )


class Told(ApiKeys):
    """Keys that say when they learn something."""

    def __init__(self) -> None:
        super().__init__({})
        self.learned: asyncio.Queue[StoredKey] = asyncio.Queue()

    def take(self, key: StoredKey) -> None:
        super().take(key)
        self.learned.put_nowait(key)

    async def until(self, key: StoredKey) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while (await self.learned.get()).key_id != key.key_id:
                pass


@pytest.fixture
def name() -> str:
    """A key of its own for each test: the topic is one for all."""
    return new_id()


async def test_made_changed_and_revoked_while_following(world: World, name: str) -> None:
    keys = Told()
    feed = ApiKeyFeed(world.bus, keys)
    assert not keys.complete
    task = asyncio.create_task(feed.run())
    try:
        await asyncio.wait_for(feed.ready(), DEADLINE_S)
        assert keys.complete
        await world.bus.publish([api_key_record(made(name))])
        await keys.until(made(name))
        found = keys.find(name)
        assert found == Principal("billing", frozenset({Scope.READ, Scope.OPERATE}))
        await world.bus.publish([api_key_record(made(name, revoked=True))])
        await keys.until(made(name))
        assert keys.find(name) is None
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_who_starts_later_knows_what_was_told(world: World, name: str) -> None:
    unknown_scope = api_key_record(made("strange", key_id=f"strange-{name}"))
    unknown_scope.record.api_key.scopes.append("scope-of-tomorrow")
    nothing = Outgoing(API_KEYS.name, unknown_scope.record, key=f"gone-{name}", tombstone=True)
    told = [api_key_record(made(name)), api_key_record(made(f"{name}-2", revoked=True)), unknown_scope, nothing]
    await world.bus.publish(told)
    async with ApiSecurity(world.bus, RuntimeSettings(), health := Health(), "auth") as security:
        await asyncio.wait_for(security.ready(), DEADLINE_S)
        assert security.keys.find(name) is not None
        assert security.keys.find(f"{name}-2") is None
        assert security.keys.find("strange") is None
        await asyncio.sleep(0)
        assert health.ready


async def test_not_ready_before_the_keys_are_known(memory: World) -> None:
    async with ApiSecurity(memory.bus, RuntimeSettings(), health := Health(), "auth") as security:
        assert not health.ready
        assert not security.keys.complete


async def test_a_feed_that_fails_is_seen(memory: World, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = asyncio.Event()

    async def fail(_: ApiKeyFeed) -> None:
        failed.set()
        raise RuntimeError("a bug")

    monkeypatch.setattr(ApiKeyFeed, "run", fail)
    async with ApiSecurity(memory.bus, RuntimeSettings(), health := Health(), "auth"):
        await failed.wait()
        await asyncio.sleep(0)
        assert health.components()["api-keys"].detail == "failed"
