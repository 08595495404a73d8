"""A transaction of OCPP 1.6, as a station tells it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from csms_testing.conformance.operator import Operator
from csms_testing.conformance.station import Payload, Station
from csms_testing.conformance.v16 import status


def moment(ago_s: float = 0) -> str:
    """A time, so many seconds ago."""
    return (datetime.now(UTC) - timedelta(seconds=ago_s)).isoformat().replace("+00:00", "Z")


@dataclass(slots=True)
class Session:
    """One transaction on a connector."""

    station: Station
    id_tag: str
    connector_id: int = 1
    meter: int = 1000
    """Wh."""
    ago_s: float = 0
    """How long ago what is told now happened."""
    transaction_id: int = 0
    """0: it has not begun."""
    started: Payload = field(default_factory=dict)
    """The StartTransaction request."""

    async def start(self, **fields: Any) -> Payload:  # noqa: ANN401 OCPP's values
        """Send StartTransaction; return idTagInfo."""
        self.started = {
            "connectorId": self.connector_id,
            "idTag": self.id_tag,
            "meterStart": self.meter,
            "timestamp": moment(self.ago_s),
            **fields,
        }
        answer = await self.station.call("StartTransaction", self.started)
        self.transaction_id = answer["transactionId"]
        if self.transaction_id <= 0:
            raise AssertionError(f"a transactionId is above 0: {answer}")
        info: Payload = answer["idTagInfo"]
        return info

    async def charge(self, energy_wh: int = 500) -> None:
        """Send MeterValues."""
        self.meter += energy_wh
        value = {"timestamp": moment(self.ago_s), "sampledValue": [{"value": str(self.meter), "unit": "Wh"}]}
        payload = {"connectorId": self.connector_id, "transactionId": self.transaction_id, "meterValue": [value]}
        if await self.station.call("MeterValues", payload):
            raise AssertionError("MeterValues is answered by an empty payload")

    async def stop(self, reason: str | None = None, id_tag: str | None = None) -> Payload:
        """Send StopTransaction; return the answer."""
        optional = {"reason": reason, "idTag": id_tag}
        payload = {
            "transactionId": self.transaction_id,
            "meterStop": self.meter,
            "timestamp": moment(self.ago_s),
            **{name: value for name, value in optional.items() if value is not None},
        }
        return await self.station.call("StopTransaction", payload)

    async def statuses(self, *values: str) -> None:
        """Send a StatusNotification for each of them."""
        for value in values:
            await status(self.station, value, self.connector_id)

    async def shown(self, operator: Operator) -> dict[str, Any]:
        """The transaction as the API shows it; AssertionError unless it is there once, and whole."""
        station_id, transaction_id = self.station.station_id, str(self.transaction_id)
        found = await operator.items("/transactions", station_id=station_id, transaction_id=transaction_id)
        if len(found) != 1 or found[0]["gaps"] or found[0]["started_missing"]:
            raise AssertionError(f"not there once and whole: {found}")
        return found[0]
