"""What Prometheus gets of a running system, in both modes."""

import asyncio
import re
from collections.abc import Iterator

import httpx2
import pytest
from csms_runtime.exposition import OWNED
from csms_testing.systems import System

DEADLINE_S = 30


async def scraped(system: System) -> dict[str, str]:
    async with httpx2.AsyncClient() as client:
        answers = {name: await client.get(f"{url}/metrics") for name, url in system.management_urls.items()}
    return {name: answer.text for name, answer in answers.items()}


def samples(text: str, name: str) -> Iterator[tuple[str, float]]:
    for labels, value in re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE):
        yield labels, float(value)


async def test_each_service_tells_its_own(system: System) -> None:
    for process, text in (await scraped(system)).items():
        service = process.rpartition("-")[0]
        names = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
        assert "csms_build_info" in names
        for prefixes in OWNED.values() if service else ():
            foreign = tuple(set(prefixes) - set(OWNED[service]))
            assert not {name for name in names if foreign and name.startswith(foreign)}, process
        assert 'version="' in text


async def test_what_is_shared_is_well(system: System) -> None:
    wanted = {"gateway": {"kafka"}, "auth": {"kafka", "database-auth"}, "": {"database-auth", "database-devices"}}
    async with asyncio.timeout(DEADLINE_S):
        while True:
            texts = await scraped(system)
            if all(
                f'csms_component_healthy{{component="{name}"}} 1.0' in text
                for process, text in texts.items()
                for name in wanted.get(process.rpartition("-")[0], ())
            ):
                return
            await asyncio.sleep(0.2)


async def test_the_fleet_is_counted(system: System, connect, station_id: str) -> None:
    async with connect(station_id) as station:
        await station.boot()
        async with asyncio.timeout(DEADLINE_S):
            while True:
                texts = (await scraped(system)).values()
                online = [
                    (labels, value)
                    for text in texts
                    for labels, value in samples(text, "csms_fleet_stations_connected")
                ]
                if any(
                    'vendor="Vendor"' in labels and 'protocol="ocpp2.0.1"' in labels and value
                    for labels, value in online
                ):
                    break
                await asyncio.sleep(0.5)
        open_here = [value for text in texts for _, value in samples(text, "csms_gateway_connections")]
        assert sum(open_here) >= 1


async def test_groups_have_an_age_and_a_lag(system: System) -> None:
    text = "\n".join((await scraped(system)).values())
    for group in ("auth", "transactions", "device-mgmt", "history"):
        for metric in ("oldest_record_age_seconds", "lag_records"):
            assert f'csms_consumer_{metric}{{group="{group}"}}' in text


@pytest.mark.parametrize("database", ["auth", "transactions", "devices", "history"], ids=str)
async def test_pools_are_told(system: System, database: str) -> None:
    text = "\n".join((await scraped(system)).values())
    assert dict(samples(text, "csms_db_pool_size"))[f'{{database="{database}"}}'] >= 3
