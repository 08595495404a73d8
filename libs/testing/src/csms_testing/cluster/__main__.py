"""`make cluster`: starts everything, prints where it is, stops everything on Ctrl-C."""

import asyncio
import json
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from csms_bus.ports import BusUnavailable
from rich.console import Console

from csms_testing.cluster.front import front
from csms_testing.cluster.layout import Layout, free_port
from csms_testing.cluster.processes import NotReadyError, ServiceProcess
from csms_testing.cluster.stores import StoreMissingError, kafka_and_postgres
from csms_testing.kafka import KafkaError
from csms_testing.postgres import PostgresError

console = Console(highlight=False)


def _front_server(processes: list[ServiceProcess], port: int) -> uvicorn.Server:
    urls: dict[str, str] = {}
    for process in processes:
        service = process.name.rpartition("-")[0]
        urls.setdefault(service, f"http://127.0.0.1:{process.environment['CSMS_HTTP_PORT']}")
    config = uvicorn.Config(front(urls), host="127.0.0.1", port=port, log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # signals are handled below
    return server


async def _started(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    while not server.started and not serving.done():  # noqa: ASYNC110  # uvicorn tells nobody
        await asyncio.sleep(0.01)


async def _migrate(layout: Layout) -> None:
    for step in layout.migrations():
        await step.start()
        if await step.ended() != 0:
            raise NotReadyError(f"{step.name}: the migration failed; see {step.log_file}")


async def _run(layout: Layout, stack: AsyncExitStack, http_port: int, state_file: Path | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console.print("Database: migrations")
    await _migrate(layout)
    processes = layout.processes()
    for process in processes:
        await process.start()
        stack.push_async_callback(process.stop)
    for process in processes:
        await process.ready()
        console.print(f"Ready: {process.name} (pid {process.pid}, log {process.log_file})")
    server = _front_server(processes, http_port)
    front_task = asyncio.create_task(server.serve())
    await _started(server, front_task)
    state = {
        "ocpp_urls": layout.ocpp_urls,
        "ocpp_tls_urls": layout.ocpp_tls_urls,
        "http_url": f"http://127.0.0.1:{http_port}",
        "api_key": layout.api_key,
        "kafka": layout.kafka,
        "database_url": layout.database_url,
        "management_urls": {process.name: process.management_url for process in processes},
        "pids": {process.name: process.pid for process in processes},
        "logs": str(layout.directory),
    }
    if state_file is not None:
        partial = state_file.with_suffix(".partial")
        partial.write_text(json.dumps(state))
        partial.replace(state_file)  # readers see all of it or nothing
    console.print(
        f"\nStations connect to  {'/{station_id}  or  '.join(layout.ocpp_urls + layout.ocpp_tls_urls)}/{{station_id}}\n"
        f"HTTP API             {state['http_url']}/docs\n"
        f"Admin API key        {layout.api_key}\n\nCtrl-C stops everything."
    )
    await stop.wait()
    console.print("Stopping")
    front_task.cancel()
    await asyncio.gather(front_task, return_exceptions=True)


async def _main(layout_options: dict[str, object], http_port: int, state_file: Path | None, directory: Path) -> None:
    async with AsyncExitStack() as stack:
        console.print("Starting Apache Kafka and PostgreSQL")
        kafka, database_url = await kafka_and_postgres(stack, directory)
        layout = Layout(kafka=kafka, database_url=database_url, directory=directory, **layout_options)  # type: ignore[arg-type]
        layout.settings["CSMS_LOG_UPLOAD_URL"] = f"http://127.0.0.1:{http_port}/api/v1/log-uploads"
        await _run(layout, stack, http_port, state_file)


def _ports(first: int, count: int) -> list[int]:
    return [first + slot if first else free_port() for slot in range(count)]


def main(  # noqa: PLR0917  # typer reads them as options
    ocpp_port: Annotated[int, typer.Option(help="Port of the first gateway; 0 picks free ones.")] = 9000,
    ocpp_tls_port: Annotated[
        int | None,
        typer.Option(help="Port of the first gateway with TLS; 0 picks free ones. Needs CSMS_OCPP_TLS_CERTIFICATES."),
    ] = None,
    http_port: Annotated[int, typer.Option(help="Port of the HTTP API; 0 picks a free one.")] = 8080,
    gateways: Annotated[int, typer.Option(min=1, max=8, help="Number of gateways.")] = 2,
    transactions: Annotated[int, typer.Option(min=1, max=8, help="Number of transactions processes.")] = 1,
    unknown_stations: Annotated[str, typer.Option(help="CSMS_UNKNOWN_STATIONS for all services.")] = "accept",
    api_key: Annotated[
        str | None, typer.Option(envvar="CSMS_ADMIN_API_KEY", help="Admin key; made when absent.")
    ] = None,
    kafka_user_prefix: Annotated[
        str | None, typer.Option(help="Make each service the Kafka user of this prefix and its name.")
    ] = None,
    database_user_prefix: Annotated[
        str | None, typer.Option(help="Make each service the PostgreSQL user of this prefix and its name.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option(help="Where data and logs go; a temporary folder when absent.")
    ] = None,
    state_file: Annotated[
        Path | None, typer.Option(help="Write addresses and process ids here when ready (JSON).")
    ] = None,
) -> None:
    """Run the distributed system on this machine: Kafka, PostgreSQL, gateways and the other services."""
    options: dict[str, object] = {
        "ocpp_ports": _ports(ocpp_port, gateways),
        "ocpp_tls_ports": [] if ocpp_tls_port is None else _ports(ocpp_tls_port, gateways),
        "transactions": transactions,
        "unknown_stations": unknown_stations,
        "kafka_user_prefix": kafka_user_prefix,
        "database_user_prefix": database_user_prefix,
    }
    if api_key:
        options["api_key"] = api_key
    with tempfile.TemporaryDirectory(prefix="csms-cluster-") as temporary:
        Path(temporary).chmod(0o711)  # PostgreSQL runs as another user when we are root
        try:
            asyncio.run(_main(options, http_port or free_port(), state_file, directory or Path(temporary)))
        except (StoreMissingError, KafkaError, PostgresError, BusUnavailable, NotReadyError) as error:
            console.print(f"The cluster could not be started: {error}", style="red")
            raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)
