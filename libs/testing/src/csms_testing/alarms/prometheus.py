"""A Prometheus of the machine's own installation, in a directory of its own."""

import asyncio
import json
import shutil
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import yaml

from csms_testing.cluster.layout import free_port
from csms_testing.cluster.processes import NotReadyError, ServiceProcess

_READY_S = 60.0
_TARGETS = "targets.json"
_LABELS = {"namespace": "drill"}
"""As on Kubernetes."""


def prometheus_requirement() -> str | None:
    """Say what is missing to run Prometheus; None when nothing is."""
    return None if shutil.which("prometheus") else "no Prometheus found (Debian: apt install prometheus)"


class Prometheus:
    """A server that runs."""

    def __init__(self, port: int, targets: Path) -> None:
        """`targets` is the file that tells the server what to scrape."""
        self.url = f"http://127.0.0.1:{port}"
        self.watched: Sequence[ServiceProcess] = ()
        self._targets = targets
        self._client = httpx2.AsyncClient(base_url=f"{self.url}/api/v1", timeout=30)

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()

    def watch(self, processes: Sequence[ServiceProcess]) -> None:
        """Scrape these processes, and no others, from some seconds later on: as pods that come and go."""
        self.watched = processes
        found = [
            {"targets": [f"127.0.0.1:{process.management_port}"], "labels": {**_LABELS, "service": _service(process)}}
            for process in processes
        ]
        part = self._targets.with_suffix(".part")
        part.write_text(json.dumps(found))
        part.replace(self._targets)

    async def firing(self) -> set[str]:
        """Return the names of the alerts that fire now."""
        found = (await self._get("/alerts"))["alerts"]
        return {alert["labels"]["alertname"] for alert in found if alert["state"] == "firing"}

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the result of a query now."""
        result: list[dict[str, Any]] = (await self._get("/query", query=expression))["result"]
        return result

    async def wrong_rules(self) -> list[str]:
        """Return the rules whose evaluation failed last, and why."""
        groups = (await self._get("/rules"))["groups"]
        return [
            f"{rule['name']}: {rule['lastError']}"
            for group in groups
            for rule in group["rules"]
            if rule.get("lastError")
        ]

    async def _get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 as JSON has it
        return (await self._client.get(path, params=parameters)).raise_for_status().json()["data"]


def _service(process: ServiceProcess) -> str:
    return process.name.rpartition("-")[0]


@asynccontextmanager
async def prometheus(
    directory: Path, processes: Sequence[ServiceProcess], rules: dict[str, Any], *, interval_s: int
) -> AsyncIterator[Prometheus]:
    """Run a server that scrapes these processes and evaluates these rules every `interval_s` seconds.

    Raises NotReadyError.
    """
    port, log_file = free_port(), directory / "prometheus.log"
    _write(directory, _configuration(interval_s), rules)
    server = Prometheus(port, directory / _TARGETS)
    server.watch(processes)
    command = [
        "prometheus",
        f"--config.file={directory / 'prometheus.yaml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with log_file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    try:
        await _ready(process, port, log_file)
        yield server
    finally:
        await server.close()
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _write(directory: Path, configuration: dict[str, Any], rules: dict[str, Any]) -> None:
    directory.mkdir()
    (directory / "rules.yaml").write_text(yaml.safe_dump(rules))
    (directory / "prometheus.yaml").write_text(yaml.safe_dump(configuration))


def _configuration(interval_s: int) -> dict[str, Any]:
    """As deploy/compose/prometheus.yaml, but with targets that are found in a file."""
    interval = f"{interval_s}s"
    found = [{"files": [_TARGETS], "refresh_interval": "5s"}]
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "csms", "file_sd_configs": found}],
    }


async def _ready(process: Process, port: int, log_file: Path) -> None:
    async with httpx2.AsyncClient() as client, asyncio.timeout(_READY_S):
        while process.returncode is None:
            try:
                if (await client.get(f"http://127.0.0.1:{port}/-/ready")).is_success:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.1)  # another process starts: nothing here can tell when
    log = await asyncio.to_thread(log_file.read_text)
    raise NotReadyError(f"Prometheus ended: {log[-2000:]}")
