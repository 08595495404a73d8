"""Systems to break: one for all tests of a module."""

from collections.abc import AsyncIterator

import pytest_asyncio
from csms_testing.drills.arena import Arena, cluster
from csms_testing.drills.scenarios.disk import on_small_disk
from csms_testing.kafka import kafka_requirement
from csms_testing.postgres import postgres_requirement
from csms_testing.requirements import require


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def distributed() -> AsyncIterator[Arena]:
    require(kafka_requirement())
    require(postgres_requirement())
    async with cluster() as arena:
        yield arena


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standalone() -> AsyncIterator[Arena]:
    async with on_small_disk() as arena:
        yield arena
