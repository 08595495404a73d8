"""The fixtures of conformance tests, for stations that speak OCPP 2.1.

The steps of these cases are not public: what a test plays is derived from the messages and their requirements.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from csms_testing.conformance import Connector, Station
from csms_testing.conformance.states import booted

PROTOCOL = "ocpp2.1"


@pytest.fixture
async def connect(connect: Connector) -> Connector:
    """Connects a station that the operator has created, with its password."""
    return replace(connect, protocols=(PROTOCOL,))


@pytest.fixture
async def station(connect: Connector) -> AsyncIterator[Station]:
    """A connected, accepted station with two EVSEs of one connector each (state Booted)."""
    async with connect() as connected:
        assert connected.protocol == PROTOCOL
        await booted(connected, evses=((1, 1), (2, 1)))
        yield connected


@pytest.fixture
def sends(operator, station, station_id):
    """The operator sends a message, the station gets exactly that and gives an answer, which is shown."""

    async def send(action, payload=None, /, *, answer="Accepted"):
        response = {"status": answer} if isinstance(answer, str) else answer
        async with operator.calling(station_id, action, payload) as pending:
            assert await station.reply(action, response) == (payload or {})
        assert pending.response == response

    return send


@pytest.fixture
def refused(operator, station, station_id):
    """The operator is told, by pointers, what is wrong with a message that is not sent."""

    async def ask(action, payload):
        async with operator.calling(station_id, action, payload) as pending:
            pass
        assert pending.http_status == 422
        await station.expect_nothing()
        return [error["pointer"] for error in pending.body["errors"]]

    return ask


@pytest.fixture
def tells(operator, station, station_id):
    """The station sends a message, gets this answer, and the message is shown."""

    async def tell(action, payload, *, answer=None):
        assert await station.call(action, payload) == (answer or {})
        items = await operator.items(f"/stations/{station_id}/notifications", action=action)
        assert payload in [item["payload"] for item in items]

    return tell
