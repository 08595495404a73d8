"""Kafka with TLS and SASL, PostgreSQL with TLS, on this machine: for tests of connections to them."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import asyncpg

from csms_testing.databases import in_thread
from csms_testing.kafka import free_ports, kafka_requirement
from csms_testing.kafka_jars import KafkaError, kafka_jars
from csms_testing.kafka_node import Address, KafkaNode, Secured, new_cluster_id
from csms_testing.pki import Pki
from csms_testing.postgres import LocalPostgres, postgres_requirement
from csms_testing.requirements import require

USERNAME = "csms"
PASSWORD = "tops3cret"  # noqa: S105 of a broker that lives for a test
_HOST = "127.0.0.1"
"""The only name in the servers' certificates."""
_HBA = """
local   all all                     trust
hostssl all certified 127.0.0.1/32  cert
hostssl all csms      127.0.0.1/32  trust
host    all plain     127.0.0.1/32  trust
"""
"""The user csms comes in with TLS only, certified with a client certificate only, plain either way."""


@contextmanager
def secured_kafka(pki: Pki, users: Sequence[str] = (USERNAME,), *, acls: bool = False) -> Iterator[Secured]:
    """Run a broker that `pki.root` has signed the certificate of; PASSWORD is each user's. Skips the test without Java.

    `acls`: nobody may do anything before `make_acls`.
    """
    require(kafka_requirement())
    port, controller_port, sasl_port, mutual_port = free_ports(4)
    issued = pki.root.issue("broker", names=[_HOST])
    certificate = pki.write("broker.pem", issued.key_pem + issued.pem)
    passwords = dict.fromkeys(users, PASSWORD)
    secured = Secured(port, sasl_port, mutual_port, certificate, pki.root_file, passwords, acls)
    address = Address(1, port, controller_port)
    node = KafkaNode(address, [address], new_cluster_id(), pki.directory / "kafka", fast_start=True, secured=secured)
    try:
        node.start()
        yield secured
    finally:
        node.kill()


def make_acls(lines: Iterable[str]) -> None:
    """Run what `csms_bus.acls.command_lines` printed, with Kafka's own tool. Blocks, a second a line.

    Raises KafkaError.
    """
    tool = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{kafka_jars()}/*", "org.apache.kafka.tools.AclCommand"]
    for line in lines:
        done = subprocess.run([*tool, *shlex.split(line)[1:]], capture_output=True, text=True, check=False)  # noqa: S603 fixed
        if done.returncode:
            raise KafkaError(f"{line}:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")


@contextmanager
def tls_postgres(pki: Pki) -> Iterator[LocalPostgres]:
    """Run a server that `pki.root` has signed the certificate of; it lets in whom `_HBA` says. Skips without one."""
    require(postgres_requirement())
    server = LocalPostgres(durable=False)
    try:
        server.start()
        _install(server, pki)
        in_thread(lambda: _switch_on(server.url))
        yield server
    finally:
        server.close()


def _install(server: LocalPostgres, pki: Pki) -> None:
    owner = server.data.stat()
    issued = pki.save("postgres", pki.root.issue("postgres", names=[_HOST]))
    for name, source in {"server.crt": issued.certificate, "server.key": issued.key, "ca.crt": pki.root_file}.items():
        shutil.copyfile(source, server.data / name)
        os.chown(server.data / name, owner.st_uid, owner.st_gid)
        (server.data / name).chmod(0o600)
    (server.data / "pg_hba.conf").write_text(_HBA)


async def _switch_on(url: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in (
        "CREATE ROLE certified LOGIN SUPERUSER",
        "CREATE ROLE plain LOGIN SUPERUSER",
        "ALTER SYSTEM SET ssl_ca_file = 'ca.crt'",
        "ALTER SYSTEM SET ssl = on",
        "SELECT pg_reload_conf()",
    ):
        await connection.execute(statement)
    await connection.close()
