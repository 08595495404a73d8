"""A transaction played event by event, through the reusable states of the test cases."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from csms_testing.conformance.states import Evse, authorize, status
from csms_testing.conformance.station import Payload, Station, now
from csms_testing.conformance.tokens import id_token


@dataclass(slots=True)
class Transaction:
    """One transaction of a station. Each method is a state; it goes through the states before it when they are due."""

    station: Station
    token: str
    """The valid token it is authorized with."""
    kind: str = "ISO14443"
    evse: Evse = (1, 1)
    transaction_id: str = field(default_factory=lambda: uuid4().hex)
    seq_no: int = 0
    """Of the next event."""
    connected: bool = False
    """Whether the EV is connected."""
    is_authorized: bool = False
    charging_state: str = "Idle"
    remote_start_id: int | None = None
    """Sent in the first event when set."""

    async def event(
        self,
        event_type: str,
        trigger_reason: str,
        *,
        token: str | None = None,
        kind: str | None = None,
        info: Payload | None = None,
        **fields: Any,  # noqa: ANN401 OCPP's values
    ) -> Payload:
        """Send a TransactionEvent, return the response.

        Args:
            event_type: Started, Updated, Ended.
            trigger_reason: As OCPP names it.
            token: Sent as idToken when given; the answer must then have an idTokenInfo, else it must not.
            kind: Its type; None: that of the transaction.
            info: More fields of transactionInfo; they replace the usual ones, None leaves one out.
            fields: More fields of the request, likewise.
        """
        request = self.request(event_type, trigger_reason, info=info, **fields)
        if token is not None:
            request["idToken"] = id_token(token, kind or self.kind)
        self.seq_no += 1
        answer = await self.station.call("TransactionEvent", request)
        if ("idTokenInfo" in answer) != ("idToken" in request):
            raise AssertionError(f"idTokenInfo belongs to an event with idToken and to no other: {answer}")
        return answer

    def request(self, event_type: str, trigger_reason: str, *, info: Payload | None = None, **fields: Any) -> Payload:  # noqa: ANN401
        """Return the request `event` would send, without idToken."""
        transaction: Payload = {"transactionId": self.transaction_id, "chargingState": self.charging_state}
        if self.remote_start_id is not None and self.seq_no == 0:
            transaction["remoteStartId"] = self.remote_start_id
        request: Payload = {
            "eventType": event_type,
            "timestamp": now(),
            "triggerReason": trigger_reason,
            "seqNo": self.seq_no,
            "transactionInfo": _given({**transaction, **(info or {})}),
            "evse": {"id": self.evse[0], "connectorId": self.evse[1]},
        }
        return _given({**request, **fields})

    def _first_or_next(self) -> str:
        return "Updated" if self.seq_no else "Started"

    async def ev_connected_pre_session(self) -> Payload:
        """State EVConnectedPreSession: connector Occupied, event CablePluggedIn. Returns the event's response."""
        await status(self.station, "Occupied", self.evse)
        self.connected, self.charging_state = True, "EVConnected"
        return await self.event(self._first_or_next(), "CablePluggedIn")

    async def authorized(self) -> Payload:
        """State Authorized: Authorize accepted, then an event with the token accepted. Returns its response."""
        _accepted(await authorize(self.station, self.token, self.kind))
        answer = await self.event(self._first_or_next(), "Authorized", token=self.token)
        _accepted(answer["idTokenInfo"])
        self.is_authorized = True
        return answer

    async def energy_transfer_started(self) -> Payload:
        """State EnergyTransferStarted: authorized, connected, charging."""
        if not self.is_authorized:
            await self.authorized()
        if not self.connected:
            await self.ev_connected_pre_session()
        self.charging_state = "Charging"
        return await self.event("Updated", "ChargingStateChanged")

    async def energy_transfer_suspended(self) -> Payload:
        """State EnergyTransferSuspended: the EV takes no energy."""
        if self.charging_state != "Charging":
            await self.energy_transfer_started()
        self.charging_state = "SuspendedEV"
        return await self.event("Updated", "ChargingStateChanged")

    async def stop_authorized(self, token: str | None = None) -> Payload:
        """State StopAuthorized: stopped by the token it was started with, or by `token`, which must be accepted."""
        if self.charging_state not in {"Charging", "SuspendedEV"}:
            await self.energy_transfer_started()
        self.charging_state = "EVConnected"
        answer = await self.event("Updated", "StopAuthorized", token=token or self.token)
        _accepted(answer["idTokenInfo"])
        self.is_authorized = False
        return answer

    async def ev_connected_post_session(self) -> Payload:
        """State EVConnectedPostSession: energy transfer has ended, the cable is still in."""
        if self.is_authorized or not self.seq_no:
            await self.stop_authorized()
        self.charging_state = "EVConnected"
        return await self.event("Updated", "ChargingStateChanged")

    async def ev_disconnected(self, stopped_reason: str = "EVDisconnected") -> Payload:
        """State EVDisconnected: connector Available, transaction Ended. Call it in EVConnectedPostSession."""
        await status(self.station, "Available", self.evse)
        self.connected, self.charging_state = False, "Idle"
        return await self.event("Ended", "EVCommunicationLost", info={"stoppedReason": stopped_reason})


def _given(fields: Payload) -> Payload:
    """Without the fields that are left out."""
    return {name: value for name, value in fields.items() if value is not None}


def _accepted(id_token_info: Payload) -> None:
    if id_token_info["status"] != "Accepted":
        raise AssertionError(f"not accepted: {id_token_info}")
