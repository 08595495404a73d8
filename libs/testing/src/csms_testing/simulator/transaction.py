"""One transaction as the station sees it: ids, sequence numbers, and the wish to stop."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from uuid import uuid4

from csms_testing.simulator.clock import timestamp
from csms_testing.simulator.frames import Json

EventType: TypeAlias = Literal["Started", "Updated", "Ended"]


@dataclass(frozen=True, slots=True)
class Stop:
    """Why and by what a transaction ends."""

    reason: str
    """ReasonEnumType."""
    trigger: str
    """TriggerReasonEnumType."""
    id_token: Json | None = None
    """The token presented to stop it (E07.FR.02)."""


LOCAL = Stop("Local", "StopAuthorized")
REMOTE = Stop("Remote", "RemoteStop")
DEAUTHORIZED = Stop("DeAuthorized", "Deauthorized")
EV_DISCONNECTED = Stop("EVDisconnected", "EVCommunicationLost")
STOPPED_BY_EV = Stop("StoppedByEV", "ChargingStateChanged")
ENERGY_LIMIT = Stop("EnergyLimitReached", "EnergyLimitReached")
TIME_LIMIT = Stop("TimeLimitReached", "TimeLimitReached")
IMMEDIATE_RESET = Stop("ImmediateReset", "ResetCommand")
FAULT = Stop("Other", "AbnormalCondition")
EMERGENCY_STOP = Stop("EmergencyStop", "AbnormalCondition")
POWER_LOSS = Stop("PowerLoss", "AbnormalCondition")
EV_CONNECT_TIMEOUT = Stop("Timeout", "EVConnectTimeout")


def new_transaction_id() -> str:
    """A transaction id, unique for every station (E01.FR.08 asks for less)."""
    return str(uuid4())


@dataclass(slots=True)
class Transaction:
    """A running transaction. `event` numbers the messages; nothing here sends them."""

    evse_id: int
    connector_id: int
    meter_start_wh: float
    id: str = field(default_factory=new_transaction_id)
    id_token: Json | None = None
    """The token that authorized it; None before authorization."""
    group_id_token: Json | None = None
    """The group of that token, as the CSMS told."""
    given_id: int | None = None
    """The id that the CSMS gave it, as soon as the station knows it (OCPP 1.6); then it is `id`, too."""
    remote_start_id: int | None = None
    reservation_id: int | None = None
    charging_state: str = "Idle"
    total_cost: float | None = None
    """What the CSMS last told (I02, I03)."""
    stop: Stop | None = None
    stop_requested: asyncio.Event = field(default_factory=asyncio.Event)
    seconds_charging: float = 0.0
    _next_seq_no: int = 0
    _evse_told: bool = False
    _token_told: bool = False
    _remote_start_told: bool = False

    def request_stop(self, stop: Stop) -> None:
        """Ask the session driver to end the transaction; the first reason wins."""
        if self.stop is None:
            self.stop = stop
            self.stop_requested.set()

    def present(self, id_token: Json) -> None:
        """Note the token that authorizes the transaction; the next event carries it (E03.FR.01)."""
        self.id_token, self._token_told = id_token, False

    @property
    def events_made(self) -> int:
        """How many events there are so far; also the next seqNo."""
        return self._next_seq_no

    def event(
        self,
        event_type: EventType,
        trigger: str,
        *,
        offline: bool,
        meter_value: Json | None = None,
        connected: bool = True,
        stop: Stop | None = None,
    ) -> Json:
        """The next TransactionEventRequest; seqNo starts at 0 and rises by 1 (E01.FR.07).

        `connected` False leaves out the connector, which is not known before the car is plugged in (E01.FR.16).
        """
        if self.remote_start_id is not None and not self._remote_start_told:
            trigger = "RemoteStart"  # F01.FR.19, F02.FR.21: whatever else the next event is about
        payload: Json = {
            "eventType": event_type,
            "timestamp": timestamp(),
            "triggerReason": trigger,
            "seqNo": self._next_seq_no,
            "transactionInfo": self._info(stop),
        }
        self._next_seq_no += 1
        if offline:
            payload["offline"] = True
        if meter_value is not None:
            payload["meterValue"] = [meter_value]
        self._add_evse(payload, connected=connected)
        self._add_tokens(payload, stop)
        return payload

    def _info(self, stop: Stop | None) -> Json:
        info: Json = {"transactionId": self.id, "chargingState": self.charging_state}
        if self.seconds_charging:
            info["timeSpentCharging"] = round(self.seconds_charging)
        if self.remote_start_id is not None and not self._remote_start_told:
            info["remoteStartId"] = self.remote_start_id
            self._remote_start_told = True
        if stop is not None:
            info["stoppedReason"] = stop.reason
        return info

    def _add_evse(self, payload: Json, *, connected: bool) -> None:
        if self._evse_told or not connected:
            return
        payload["evse"] = {"id": self.evse_id, "connectorId": self.connector_id}
        self._evse_told = True

    def _add_tokens(self, payload: Json, stop: Stop | None) -> None:
        if stop is not None and stop.id_token is not None:
            payload["idToken"] = stop.id_token
        elif self.id_token is not None and not self._token_told:
            payload["idToken"] = self.id_token
            self._token_told = True
            if self.reservation_id is not None:
                payload["reservationId"] = self.reservation_id
