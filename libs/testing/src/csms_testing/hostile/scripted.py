"""A station of a test that may write anything, and that is asked whether it is still served."""

import asyncio
import json
from typing import Any, Self

from csms_testing.hostile.frames import frame
from csms_testing.hostile.message import Message
from csms_testing.hostile.wire import Door, Wire

TIME = "2026-01-01T00:00:00Z"
BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
ANSWER_S = 20.0
_CALL, _CALL_RESULT, _CALL_ERROR = 2, 3, 4
_UNREADABLE_ID = "-1"


class Scripted:
    """A connection that a test drives. CALLs of the CSMS are refused, but those that the test waits for."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    @classmethod
    async def connected(cls, url: str, station_id: str, password: str | None) -> Self:
        """Connect, with compression. Raises Refused."""
        return cls(await Wire.opened(Door.of(url), station_id, password=password, deflate=True))

    async def boot(self) -> str:
        """Boot; the registration status."""
        answer = await self.call("boot", "BootNotification", BOOT)
        status: str = answer[2]["status"]
        return status

    async def call(self, message_id: str, action: str, payload: object, *, within_s: float = ANSWER_S) -> list[Any]:
        """Send a CALL; the answer. Raises TimeoutError, Closed."""
        await self.write([_CALL, message_id, action, payload])
        return await self.answer(message_id, within_s=within_s)

    async def send(self, message: Message, message_id: str, *, within_s: float = ANSWER_S) -> list[Any]:
        """Send a message, compressed; the answer, which has no id if that could not be read. Raises as `call`."""
        await self.wire.write(message.deflated(message_id))
        return await self.answer(message_id, _UNREADABLE_ID, within_s=within_s)

    async def write(self, message: list[Any]) -> None:
        """Send a message as JSON. Raises Closed."""
        await self.wire.write(frame(json.dumps(message).encode()))

    async def answer(self, *message_ids: str, within_s: float = ANSWER_S) -> list[Any]:
        """The next answer with one of those ids. Raises TimeoutError, Closed."""
        async with asyncio.timeout(within_s):
            while True:
                received = await self._received()
                if received[0] in {_CALL_RESULT, _CALL_ERROR} and received[1] in message_ids:
                    return received
                await self._refuse(received)

    async def command(self, action: str) -> str:
        """Wait for a CALL of that action; its id. Raises TimeoutError, Closed."""
        async with asyncio.timeout(ANSWER_S):
            while True:
                received = await self._received()
                if received[0] == _CALL and received[2] == action:
                    message_id: str = received[1]
                    return message_id
                await self._refuse(received)

    async def unserved(self) -> list[list[Any]]:
        """Ask each service something: the gateway, auth, transactions, device-mgmt. The answers that are no result."""
        event = {
            "eventType": "Started",
            "timestamp": TIME,
            "triggerReason": "CablePluggedIn",
            "seqNo": 0,
            "transactionInfo": {"transactionId": "served"},
        }
        status = {"timestamp": TIME, "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        answers = [
            await self.call("served-1", "Heartbeat", {}),
            await self.call("served-2", "Authorize", {"idToken": {"idToken": "SERVED", "type": "ISO14443"}}),
            await self.call("served-3", "TransactionEvent", event),
            await self.call("served-4", "StatusNotification", status),
        ]
        return [answer for answer in answers if answer[0] != _CALL_RESULT]

    async def _received(self) -> list[Any]:
        received: list[Any] = json.loads(await self.wire.message())
        return received

    async def _refuse(self, received: list[Any]) -> None:
        if received[0] == _CALL:
            await self.write([_CALL_ERROR, received[1], "NotSupported", "", {}])
