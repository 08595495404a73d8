"""The broker and the database of a local cluster: running ones when the environment names them, else our own."""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

from csms_bus import kafka_security
from csms_bus.admin import create_topics
from csms_runtime.settings import KafkaAccess

from csms_testing.kafka import ONE_BROKER, LocalKafka, kafka_requirement
from csms_testing.postgres import LocalPostgres, postgres_requirement


class StoreMissingError(Exception):
    """This machine cannot run Kafka or PostgreSQL; the message says what is missing."""


async def kafka_and_postgres(stack: AsyncExitStack, directory: Path) -> tuple[str, str]:
    """Return Kafka's bootstrap servers, topics made, and the database's URL. What was started ends with the stack.

    CSMS_TEST_KAFKA (with CSMS_KAFKA_* about TLS and SASL) and CSMS_TEST_DATABASE_URL name running ones. Raises
    StoreMissingError, KafkaError, PostgresError, BusUnavailable.
    """
    bootstrap, database_url = os.environ.get("CSMS_TEST_KAFKA"), os.environ.get("CSMS_TEST_DATABASE_URL")
    missing = (None if bootstrap else kafka_requirement()) or (None if database_url else postgres_requirement())
    if missing:
        raise StoreMissingError(missing)
    if not bootstrap:
        kafka = LocalKafka(directory / "kafka", fast_start=False)
        stack.callback(kafka.close)
        await asyncio.to_thread(kafka.start)
        bootstrap = kafka.bootstrap
    if not database_url:
        postgres = LocalPostgres(directory / "postgres")
        stack.callback(postgres.close)
        await asyncio.to_thread(postgres.start)
        database_url = postgres.url
    await create_topics(bootstrap, ONE_BROKER, security=kafka_security.arguments(KafkaAccess()))
    return bootstrap, database_url
