"""The fixtures of conformance tests, for stations that speak OCPP 2.1.

The steps of these cases are not public: what a test plays is derived from the messages and their requirements.
"""

import pytest
from csms_testing.conformance import Transaction


@pytest.fixture
def protocols() -> tuple[str, ...]:
    """What stations offer."""
    return ("ocpp2.1",)


@pytest.fixture
async def transaction(station, tokens):
    """One that charges."""
    found = Transaction(station, tokens.valid)
    await found.energy_transfer_started()
    return found


@pytest.fixture
def tells(operator, station, station_id):
    """The station sends a message, gets this answer, and the message is shown."""

    async def tell(action, payload, *, answer=None):
        assert await station.call(action, payload) == (answer or {})
        items = await operator.items(f"/stations/{station_id}/notifications", action=action)
        assert payload in [item["payload"] for item in items]

    return tell
