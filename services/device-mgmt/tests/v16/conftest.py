"""Records of a station that speaks OCPP 1.6."""

from typing import Any

import pytest
from csms.v1.bus_pb2 import Record

PROTOCOL = "ocpp1.6"


class Records16:
    """Builds records of what a station of 1.6 sends, as the gateway publishes them."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def call(self, action: str, payload: dict[str, Any]) -> Record:
        record: Record = self._records.call(action, payload, protocol=PROTOCOL)
        return record

    def boot(self, connection_id: str = "a", **fields: Any) -> Record:
        usual = {"chargePointVendor": "Vendor", "chargePointModel": "Model 1", "chargePointSerialNumber": "SN-1"}
        record = self.call("BootNotification", {**usual, **fields})
        record.station_call.connection_id = connection_id
        return record

    def status(self, status: str, connector_id: int = 1, **fields: Any) -> Record:
        return self.call(
            "StatusNotification", {"connectorId": connector_id, "errorCode": "NoError", "status": status, **fields}
        )

    def connection(self, connection_id: str) -> Record:
        record: Record = self._records.connection(connection_id, protocol=PROTOCOL)
        return record

    def result(
        self, action: str, request: dict[str, Any], response: dict[str, Any] | None = None, **options: Any
    ) -> Record:
        record: Record = self._records.result(action, request, response, **options)
        record.command_result.command.protocol = PROTOCOL
        return record


@pytest.fixture
def records16(records: Any) -> Records16:
    return Records16(records)
