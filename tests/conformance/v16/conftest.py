"""The fixtures of conformance tests, for stations that speak OCPP 1.6. Helpers: csms_testing.conformance.v16."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from csms_testing.conformance import Connector, Station
from csms_testing.conformance.v16 import PROTOCOL, booted


@pytest.fixture
async def connect(connect: Connector) -> Connector:
    """Connects a station that the operator has created, with its password."""
    return replace(connect, protocols=(PROTOCOL,))


@pytest.fixture
async def tls_connect(tls_connect: Connector) -> Connector:
    """The same for security profile 2, with TLS."""
    return replace(tls_connect, protocols=(PROTOCOL,))


@pytest.fixture
async def secured_connect(secured_connect: Connector) -> Connector:
    """The same for security profile 3, with the station's certificate."""
    return replace(secured_connect, protocols=(PROTOCOL,))


@pytest.fixture
async def station(connect: Connector) -> AsyncIterator[Station]:
    """A connected, accepted station with two connectors."""
    async with connect() as connected:
        await booted(connected, connectors=(1, 2))
        yield connected
