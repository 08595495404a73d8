"""`csms` as operators use it: a process for each command, against a running system."""

import asyncio
import csv
import io
import json
import os
import sys

import pytest


@pytest.fixture
def csms(system, tmp_path):
    """Runs a command; returns what it wrote. The status must be 0, unless `fails`."""
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "CSMS_URL": "", "CSMS_API_KEY": ""}

    async def run(*arguments: str, fails: bool = False, given: str = "") -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "csms_cli",
            *arguments,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(given.encode()), 60)
        assert (process.returncode != 0) == fails, errors.decode()
        return errors.decode() if fails else output.decode()

    run.profile = lambda: run("profiles", "set", "test", "--url", system.http_url, given=f"{system.api_key}\n")
    return run


async def test_an_operator_does_the_days_work(csms, connect, station_id, tmp_path):
    assert "there is no key" in await csms("stations", "list", fails=True)
    await csms.profile()
    assert "stored" in await csms("profiles", "list")
    shown = json.loads(await csms("--json", "stations", "set", station_id, "--registration", "Accepted"))
    assert shown["id"] == station_id
    token = f"T{station_id}"[:20]
    await csms("tokens", "set", "ISO14443", token, "--status", "Accepted")
    assert token in await csms("tokens", "show", "ISO14443", token)
    async with connect(station_id) as station:
        await station.boot()
        assert station_id in await csms("stations", "list", station_id, "--connected")
        await station.transaction_event("Started", f"tx-{station_id}", 0, id_token=token, energy_wh=0)
        reset = json.loads(await csms("calls", "send", station_id, "Reset", '{"type": "OnIdle"}', "--json"))
        assert (reset["outcome"], reset["response"]) == ("result", {"status": "Accepted"})
        assert "Reset" in await csms("calls", "list", station_id)
        job = json.loads(await csms("bulk", "start", "ClearCache", "-s", station_id, "--json"))
        assert job["action"] == "ClearCache"
        assert job["id"] in await csms("bulk", "list")
        refused = await csms("calls", "send", station_id, "Reset", '{"type": "Soon"}', fails=True)
        assert "422" in refused
        assert "/type" in refused
        listed = (await csms("transactions", "list", "--station", station_id, "--json")).splitlines()
        (transaction,) = map(json.loads, listed)
        assert transaction["state"] == "Active"
        stopped = json.loads(await csms("transactions", "stop", transaction["id"], "--json"))
        assert stopped["outcome"] == "result"
        await station.transaction_event("Ended", f"tx-{station_id}", 1, energy_wh=500, stopped_reason="Remote")
    file = tmp_path / "out.csv"
    await csms("transactions", "export", str(file), "--station", station_id)
    (row,) = csv.DictReader(io.StringIO(file.read_text(), newline=""))
    assert (row["state"], float(row["energy_wh"])) == ("Ended", 500.0)
    exported = await csms("transactions", "export", "--format", "jsonl", "--station", station_id)
    assert json.loads(exported)["id"] == transaction["id"]
    schema = json.loads(await csms("calls", "schema", "Reset"))
    assert "type" in schema["properties"]
    assert "404" in await csms("transactions", "show", "nobody", fails=True)
