"""Apache Kafka on this machine, without containers: for tests, drills and `make kafka`.

`python -m csms_testing.kafka --port 9092 --data-dir data/kafka` runs a broker in the foreground.
"""

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from csms_bus.admin import create_topics
from csms_bus.topic_plan import Plan

from csms_testing.kafka_jars import KafkaError, kafka_requirement
from csms_testing.kafka_node import Address, KafkaNode, new_cluster_id

__all__ = ["ONE_BROKER", "KafkaError", "KafkaNode", "LocalKafka", "kafka_requirement"]

ONE_BROKER = Plan(partitions=12, replication_factor=1)
"""For `create_topics` on a machine of one's own: few partitions, which are made quickly."""


class LocalKafka:
    """Apache Kafka on 127.0.0.1, one broker or several. Blocks while it starts (about 3 seconds) and stops.

    `directory` keeps the data and the logs; without one it is temporary and removed by `close`. Brokers that are
    stopped or killed may be started again, with the same data on the same ports. `port` is the first broker's; 0 picks
    a free one. `fast_start` favours a quick start over speed later on. `settings` are more of the brokers' settings.
    Topics are not created: see `csms_bus.admin`.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        port: int = 0,
        brokers: int = 1,
        fast_start: bool = True,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self._temporary = directory is None
        self._home = Path(tempfile.mkdtemp(prefix="csms-kafka-")) if directory is None else directory.resolve()
        self._home.mkdir(parents=True, exist_ok=True)
        ports = free_ports(2 * brokers)
        addresses = [Address(number + 1, ports[2 * number], ports[2 * number + 1]) for number in range(brokers)]
        if port:
            addresses[0] = Address(1, port, ports[1])
        cluster_id = self._cluster_id()
        self.nodes = [
            KafkaNode(
                address,
                addresses,
                cluster_id,
                self._home / f"node-{address.node_id}",
                fast_start=fast_start,
                settings=settings,
            )
            for address in addresses
        ]

    @property
    def bootstrap(self) -> str:
        """host:port of all brokers, separated by commas."""
        return ",".join(f"127.0.0.1:{node.address.port}" for node in self.nodes)

    def start(self) -> None:
        """Start all brokers and wait until they are ready. Raises KafkaError."""
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_until_ready()

    def stop(self) -> None:
        """Stop all brokers as an administrator would, all at once: the last ones alone would wait for a controller."""
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """Stop all brokers as a crash would."""
        for node in self.nodes:
            node.kill()

    def close(self) -> None:
        """Stop; a temporary directory is removed, so nothing in it needs an orderly end."""
        if not self._temporary:
            self.stop()
            return
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def __enter__(self) -> "LocalKafka":
        """Start."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close."""
        self.close()

    def _cluster_id(self) -> str:
        """Return the id of the cluster that lives in the directory; a new one the first time."""
        file = self._home / "cluster.json"
        if not file.exists():
            file.write_text(json.dumps({"cluster_id": new_cluster_id()}))
        return str(json.loads(file.read_text())["cluster_id"])


def free_ports(count: int) -> list[int]:
    """Return that many TCP ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [int(free.getsockname()[1]) for free in sockets]


def main(
    port: Annotated[int, typer.Option(help="Where clients connect, on 127.0.0.1.")] = 9092,
    data_dir: Annotated[Path, typer.Option(help="Keeps the data; may be deleted while Kafka is down.")] = Path(
        "data/kafka"
    ),
    *,
    topics: Annotated[bool, typer.Option(help="Create the bus's topics.")] = True,
) -> None:
    """Run Apache Kafka for development in the foreground until Ctrl-C. Java is needed, the first time also Maven."""
    missing = kafka_requirement()
    if missing is not None:
        typer.echo(missing, err=True)
        raise typer.Exit(1)
    kafka = LocalKafka(data_dir, port=port, fast_start=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), kafka:
        if topics:
            asyncio.run(create_topics(kafka.bootstrap, ONE_BROKER))
        typer.echo(f"Apache Kafka on {kafka.bootstrap}; data and log in {data_dir}. Ctrl-C stops it.")
        status = kafka.nodes[0].wait()
        typer.echo(f"Kafka ended with status {status}; see {kafka.nodes[0].log_file}", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
