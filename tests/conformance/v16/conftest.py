"""The fixtures of conformance tests, for stations that speak OCPP 1.6. Helpers: csms_testing.conformance.v16."""

from collections.abc import AsyncIterator

import pytest
from csms_testing.conformance import Connector, Station
from csms_testing.conformance.v16 import PROTOCOL, booted


@pytest.fixture
def protocols() -> tuple[str, ...]:
    """What stations offer."""
    return (PROTOCOL,)


@pytest.fixture
async def station(connect: Connector) -> AsyncIterator[Station]:
    """A connected, accepted station with two connectors."""
    async with connect() as connected:
        await booted(connected, connectors=(1, 2))
        yield connected
