"""What stations of OCPP 1.6 send in a closed loop. The CSMS gives a transaction its id in the answer to its start."""

from datetime import UTC, datetime

import orjson

from bench.load import ID_TOKEN, Script

_PER_TRANSACTION = 4
_ID_TAG = ID_TOKEN.encode()


def _now() -> bytes:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


class _Transactions:
    """The transactions of one station, one after the other."""

    def __init__(self, per_transaction: int | None) -> None:
        self._per_transaction = per_transaction
        """CALLs of each; None: it is one that has no end."""
        self._given = 0

    def at(self, number: int) -> int:
        """Return which CALL of its transaction this one is."""
        return number if self._per_transaction is None else number % self._per_transaction

    def make(self, message_id: str, number: int) -> bytes:
        """See `Script`."""
        at = self.at(number)
        if at == 0:
            return self._start(message_id, number)
        if self._per_transaction is not None and at == self._per_transaction - 1:
            return self.end(message_id, number)
        return self._meter_values(message_id, number)

    def answered(self, number: int, text: bytes) -> None:
        """See `Script`."""
        if self.at(number) == 0:
            self._given = orjson.loads(text)[2]["transactionId"]

    def _start(self, message_id: str, number: int) -> bytes:
        return (b'[2,"%b","StartTransaction",{"connectorId":1,"idTag":"%b","meterStart":%d,"timestamp":"%b"}]') % (
            message_id.encode(),
            _ID_TAG,
            1000 + number,
            _now(),
        )

    def _meter_values(self, message_id: str, number: int) -> bytes:
        return (
            b'[2,"%b","MeterValues",{"connectorId":1,"transactionId":%d,"meterValue":[{"timestamp":"%b",'
            b'"sampledValue":[{"value":"%d"}]}]}]'
        ) % (message_id.encode(), self._given, _now(), 1000 + number)

    def end(self, message_id: str, number: int) -> bytes:
        """See `Script`."""
        return (
            b'[2,"%b","StopTransaction",{"transactionId":%d,"idTag":"%b","meterStop":%d,"timestamp":"%b",'
            b'"reason":"Local"}]'
        ) % (message_id.encode(), self._given, _ID_TAG, 1000 + number, _now())

    def leaves_one(self, last: int) -> bool:
        """Whether a transaction runs after this CALL."""
        return self._per_transaction is None or self.at(last) != self._per_transaction - 1

    def script(self) -> Script:
        """Return what the station sends."""
        return Script(self.make, self.leaves_one, self.end, self.answered)


def meter_values(_station: str) -> Script:
    """CALLs of one transaction: StartTransaction, then MeterValues with one value each."""
    return _Transactions(None).script()


def short_transactions(_station: str) -> Script:
    """CALLs of one transaction after the other: StartTransaction, MeterValues twice, StopTransaction."""
    return _Transactions(_PER_TRANSACTION).script()
