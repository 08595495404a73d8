"""Reads the API keys that were made over the HTTP API from the topic auth.api-keys into a process's `ApiKeys`."""

import asyncio
from collections.abc import Sequence

import structlog
from csms.v1.auth_pb2 import ApiKey
from csms_runtime.http import ApiKeys, Principal, StoredKey

from csms_bus.following import follow
from csms_bus.ports import Bus, Incoming, Outgoing, Start
from csms_bus.records import new_record
from csms_bus.topics import API_KEYS

_log = structlog.get_logger(__name__)


def api_key_record(key: StoredKey) -> Outgoing:
    """Return the record that tells all services of a key, or of its revocation."""
    told = ApiKey(
        key_id=key.key_id,
        name=key.principal.name,
        sha256=key.sha256,
        scopes=sorted(key.principal.scopes),
        expires_at_ms=key.expires_at_ms,
        revoked=key.revoked,
    )
    return Outgoing(API_KEYS.name, new_record("", api_key=told), key=key.key_id)


class ApiKeyFeed:
    """Follows auth.api-keys from its beginning. The keys count as incomplete until it has read what is there."""

    def __init__(self, bus: Bus, keys: ApiKeys) -> None:
        self._bus = bus
        self._keys = keys
        self._complete = asyncio.Event()
        keys.complete = False

    async def ready(self) -> None:
        """Wait until all keys are known here that existed when it started."""
        await self._complete.wait()

    async def run(self) -> None:
        """Follow the topic until cancelled. Outlives broker outages. Call it once."""
        await follow(self._bus, API_KEYS.name, self._take, start=Start.BEGINNING)

    def _take(self, batch: Sequence[Incoming]) -> None:
        if not batch:
            self._keys.complete = True
            self._complete.set()
        for incoming in batch:
            if incoming.record is None or not incoming.record.HasField("api_key"):
                continue
            try:
                self._keys.take(_stored(incoming.record.api_key))
            except ValueError:  # a scope of a newer version: a key that is not understood lets nobody in
                _log.warning("API key not understood", key_id=incoming.record.api_key.key_id)


def _stored(told: ApiKey) -> StoredKey:
    return StoredKey(
        key_id=told.key_id,
        sha256=told.sha256,
        principal=Principal.with_scopes(told.name, told.scopes),
        expires_at_ms=told.expires_at_ms,
        revoked=told.revoked,
    )
