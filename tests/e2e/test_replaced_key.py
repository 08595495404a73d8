"""CSMS_SECRET_KEY is replaced in a running system, by files: the station keeps its password, the driver the code."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from csms_runtime.secret_keys import key_id
from csms_testing.scripted import basic
from csms_testing.systems import standalone
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

pytestmark = pytest.mark.slow
OLD, NEW = "the key of before", "the key that is next"
PASSWORD = "correct horse battery"
SPOKEN = [Subprotocol("ocpp2.0.1")]
CODE = "/id-tokens/KeyCode/4711"


def with_keys(directory: Path, current: str, *others: str) -> dict[str, str]:
    """Settings with the keys in files, as docs/runbooks/rotate-secret-key.md has them."""
    (directory / "key").write_text(f"{current}\n")
    settings = {"CSMS_SECRET_KEY_FILE": str(directory / "key")}
    if others:
        (directory / "others").write_text("\n".join(others))
        settings["CSMS_SECRET_KEY_OTHERS_FILE"] = str(directory / "others")
    return settings


async def connect_station(url: str) -> None:
    """Connect with the password. Raises InvalidStatus."""
    async with connect(f"{url}/CS1", additional_headers=basic("CS1", PASSWORD), subprotocols=SPOKEN, proxy=None):
        pass


async def told(directory: Path, settings: dict[str, str]) -> tuple[int, str]:
    """What `csms-auth secret-key` says of the data."""
    database = {"CSMS_DATABASE_URL": f"sqlite:///{directory}/data/auth.db"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "csms_auth",
        "secret-key",
        env={**os.environ, **settings, **database},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_nobody_needs_a_new_password(tmp_path: Path) -> None:
    before = with_keys(tmp_path, OLD)
    async with standalone(tmp_path, None, **before) as system, system.client() as api:
        (await api.put("/stations/CS1", json={"security_profile": 1, "password": PASSWORD})).raise_for_status()
        (await api.put(CODE, json={"status": "Accepted"})).raise_for_status()
        await connect_station(system.ocpp_urls[0])
    assert (await told(tmp_path, before))[0] == 0

    both = with_keys(tmp_path, NEW, OLD)
    status, output = await told(tmp_path, both)
    assert status == 1
    assert output.endswith("on another key   1 passwords, 1 key codes\n  CS1\n")
    async with standalone(tmp_path, None, **both) as system, system.client() as api:
        await connect_station(system.ocpp_urls[0])
        (await api.put(CODE, json={})).raise_for_status()
        metrics = (await api.get(f"{system.http_url}/metrics")).text
        assert 'csms_secret_key_others_used_total{what="password"} 1.0' in metrics
    status, output = await told(tmp_path, both)
    assert (status, output.splitlines()[:2]) == (
        0,
        [f"CSMS_SECRET_KEY  {key_id(NEW.encode())}", f"others           {key_id(OLD.encode())}"],
    )

    async with standalone(tmp_path, None, **with_keys(tmp_path, NEW)) as system, system.client() as api:
        await connect_station(system.ocpp_urls[0])
        assert (await api.get(CODE)).json()["status"] == "Accepted"
