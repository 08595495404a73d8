"""API keys in files that are replaced while the process runs."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from csms_runtime.http.key_files import KeyFiles
from csms_runtime.http.keys import ApiKeys
from csms_runtime.settings import ApiKeyAccess
from csms_testing.mounted import MountedSecret

ADMIN, OTHER, MADE = "the-admin-key-of-before", "the-admin-key-from-now-on", "a-key-that-was-made-here"


def files(admin: str, **scopes: str) -> dict[str, bytes]:
    keys = [
        {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": [scope]}
        for name, scope in scopes.items()
    ]
    return {"admin": f"{admin}\n".encode(), "keys": json.dumps(keys).encode()}


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MountedSecret:
    made = MountedSecret(tmp_path / "keys", files(ADMIN, billing="read"))
    monkeypatch.setenv("CSMS_ADMIN_API_KEY_FILE", str(made["admin"]))
    monkeypatch.setenv("CSMS_API_KEYS_FILE", str(made["keys"]))
    return made


async def until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not seen():  # noqa: ASYNC110 files are looked at, nothing tells
            await asyncio.sleep(0.01)


async def test_new_keys_count_and_those_that_are_gone_do_not(mounted: MountedSecret) -> None:
    keys = ApiKeys.from_settings(ApiKeyAccess(), admin_key=MADE)
    following = asyncio.create_task(KeyFiles(keys).follow(0.01))
    try:
        assert keys.find(ADMIN)
        mounted.replace(files(OTHER, support="operate"))
        await until(lambda: keys.find(OTHER) is not None)
        assert keys.find(ADMIN) is None
        assert keys.find("billing") is None
        assert keys.find("support")
        assert keys.find(MADE)
    finally:
        following.cancel()


async def test_files_that_cannot_be_used_leave_the_former_keys(
    mounted: MountedSecret, capfd: pytest.CaptureFixture[str]
) -> None:
    keys = ApiKeys.from_settings(ApiKeyAccess())
    following = asyncio.create_task(KeyFiles(keys).follow(0.01))
    try:
        mounted.replace(files(OTHER) | {"keys": b"[{half"})
        told = ""
        async with asyncio.timeout(10):
            while "the former ones stay" not in told:
                await asyncio.sleep(0.01)
                told += "".join(capfd.readouterr())
        assert "CSMS_API_KEYS_FILE" in told
        assert OTHER not in told
        assert keys.find(ADMIN)
        mounted.replace(files(OTHER))
        await until(lambda: keys.find(OTHER) is not None)
    finally:
        following.cancel()


async def test_without_files_there_is_nothing_to_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CSMS_ADMIN_API_KEY_FILE", "CSMS_API_KEYS_FILE"):
        monkeypatch.delenv(name, raising=False)
    async with asyncio.timeout(10):
        await KeyFiles(ApiKeys({})).follow()
