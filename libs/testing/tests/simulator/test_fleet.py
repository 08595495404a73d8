"""Many stations at once, and the program."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from csms_testing.simulator import Clock, Fleet, Plan, StationConfig, Stats
from csms_testing.simulator.frames import Call, CallError, CallResult
from csms_testing.simulator.protocol import Protocol
from csms_testing.simulator.run import describe
from csms_testing.simulator.scripted_csms import ScriptedCsms

QUICK = Plan(duration_s=120, meter_interval_s=0)
HURRY = StationConfig(time_scale=0.001, compression=False)


async def test_a_fleet_runs_its_sessions(csms: ScriptedCsms) -> None:
    async with Fleet(30, csms.url, config=HURRY, clock=Clock(float("inf")), connect_concurrency=10) as fleet:
        await fleet.wait_accepted()
        assert fleet.accepted == 30
        results = await fleet.run_sessions(2, "TAG1", QUICK, concurrency=20)

    assert len(results) == 60
    assert fleet.ledger.summary()["transactions"] == 60
    assert len(fleet.ledger.acknowledged_keys()) == len(csms.of("TransactionEvent")) == 60 * 4
    assert fleet.ledger.violations == []
    assert fleet.stats.answers == len(csms.received)


async def test_a_fleet_of_both_versions(csms: ScriptedCsms) -> None:
    configs = [HURRY, replace(HURRY, protocol=Protocol.OCPP16)]
    async with Fleet(10, csms.url, config=configs, clock=Clock(float("inf"))) as fleet:
        await fleet.wait_accepted()
        await fleet.run_sessions(2, "TAG1", QUICK)

    assert [station.version.protocol for station in fleet.stations] == ["ocpp2.0.1", "ocpp1.6"] * 5
    assert fleet.ledger.summary()["transactions"] == 20
    assert len(csms.of("StartTransaction")) == len(csms.of("StopTransaction")) == 10
    assert fleet.ledger.summary()["acknowledged"] == len(fleet.ledger)
    assert fleet.ledger.violations == []


async def test_connects_are_bounded(csms: ScriptedCsms) -> None:
    csms.handshakes_allowed.clear()

    async with Fleet(20, csms.url, config=HURRY, connect_concurrency=3) as fleet:
        gate = fleet.stations[0].link._gate
        assert gate is not None
        await csms.requests_seen(3)
        assert gate.locked()
        assert len(gate._waiters or ()) == 17
        csms.handshakes_allowed.set()
        await fleet.wait_accepted()


async def test_several_gateways_are_used_in_turn(csms: ScriptedCsms) -> None:
    async with Fleet(4, [csms.url, f"{csms.url}/b"], config=HURRY, first=7) as fleet:
        await fleet.wait_accepted()

    paths = sorted(request.path for request in csms.requests)
    assert paths == ["/ocpp/SIM-00007", "/ocpp/SIM-00009", "/ocpp/b/SIM-00008", "/ocpp/b/SIM-00010"]


async def test_events_survive_a_restart_of_the_csms(csms: ScriptedCsms) -> None:
    async with Fleet(10, csms.url, config=HURRY, clock=Clock(10_000)) as fleet:
        await fleet.wait_accepted()
        plan = Plan(duration_s=1200, meter_interval_s=60, plug_delay_s=0)
        async with asyncio.TaskGroup() as group:
            group.create_task(fleet.run_sessions(2, "TAG1", plan))
            await csms.wait("TransactionEvent", 40)
            for connection in list(csms.connections):
                connection.transport.abort()
        await fleet.flushed()

    received = {
        (entry.station_id, entry.payload["transactionInfo"]["transactionId"], entry.payload["seqNo"])
        for entry in csms.received
        if entry.action == "TransactionEvent"
    }
    assert fleet.ledger.acknowledged_keys() <= received
    assert fleet.ledger.summary()["pending"] == 0
    for numbers in fleet.ledger.transactions().values():
        assert numbers == list(range(len(numbers)))


async def program(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "csms_testing.simulator",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_the_program(csms: ScriptedCsms, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.json"
    arguments = ["--stations", "3", "--duration", "60", "--meter-interval", "0", "--speed", "1000000"]

    arguments += ["--ledger", str(ledger), "--verbose"]
    status, output = await program("run", "--url", csms.url, *arguments)

    assert status == 0, output
    assert "3 stations accepted" in output
    assert "SIM-00001 -> BootNotification" in output
    assert json.loads(ledger.read_text())["summary"]["acknowledged"] == len(csms.of("TransactionEvent")) == 9


async def test_the_program_speaks_1_6(csms: ScriptedCsms) -> None:
    arguments = ["--protocol", "ocpp1.6", "--stations", "2", "--duration", "60", "--meter-interval", "0"]

    status, output = await program("run", "--url", csms.url, *arguments, "--speed", "1000000")

    assert status == 0, output
    assert "2 stations accepted" in output
    assert len(csms.of("StopTransaction")) == 2


def test_percentiles() -> None:
    stats = Stats()
    for milliseconds in range(1, 101):
        stats.answered(milliseconds / 1000)

    assert stats.percentile(0.5) == pytest.approx(0.05, rel=0.13)
    assert stats.percentile(1) == pytest.approx(0.1, rel=0.13)
    assert stats.mean_answer_time == pytest.approx(0.0505)
    assert Stats().percentile(0.5) == 0


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (Call("1", "Heartbeat", {}), "Heartbeat {}"),
        (CallResult("1", {"a": 1}), 'answer {"a":1}'),
        (CallError("1", "InternalError", "broken", {}), "CALLERROR InternalError broken"),
        (Call("1", "SetVariables", {"name": "BasicAuthPassword", "attributeValue": "x"}), "SetVariables (hidden)"),
        (Call("1", "ChangeConfiguration", {"key": "AuthorizationKey"}), "ChangeConfiguration (hidden)"),
        (Call("1", "Authorize", {"idToken": {"idToken": "1234", "type": "KeyCode"}}), "Authorize (hidden)"),
    ],
)
def test_messages_as_lines(frame: Call | CallResult | CallError, text: str) -> None:
    assert describe(frame) == text
