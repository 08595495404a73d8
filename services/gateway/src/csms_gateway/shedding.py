"""Sends idle stations of a gateway that has more than its share to the others. See ADR 0034."""

import asyncio
import random
from collections.abc import Callable, Collection

import structlog
from csms.v1.station_pb2 import GATEWAY_STATE_DRAINING, GatewayStatus
from csms_ocpp.session import Registration
from csms_runtime import metrics
from csms_runtime.clock import now_ms
from websockets.frames import CloseCode

from csms_gateway.balance import Balance, BalanceRules, Load
from csms_gateway.connection import StationConnection
from csms_gateway.connections import Connections

_log = structlog.get_logger(__name__)

REASON = "connect again: stations are being spread over the gateways"
"""Why a connection is closed. The code is 1001, which every WebSocket library takes; some refuse 1012."""

_SILENT_S = 2.0
"""A station that was heard from since may be about to send more."""
_YOUNGEST = 2
"""A connection that is younger than so many intervals may be of a station that was sent here."""
_REST_S = 3600.0
"""For so long no station is sent away again."""
_LOOKED_AT = 8
"""Of so many connections one is closed at most; the others may charge."""


class Shedding:
    """Looks at the load once in `interval_s` seconds, and closes some connections in the time until the next look."""

    def __init__(
        self,
        connections: Connections,
        others: Callable[[], Collection[GatewayStatus]],
        rules: BalanceRules,
        *,
        interval_s: float,
    ) -> None:
        """`others` returns what the other gateways that live last said."""
        self._connections = connections
        self._others = others
        self._balance = Balance(rules)
        self._interval_s = interval_s
        self._youngest_ms = _YOUNGEST * interval_s * 1000
        self._sent: dict[str, float] = {}
        """When each station was last sent away, in seconds of the event loop's clock; the oldest first."""

    async def run(self) -> None:
        """Do it until cancelled."""
        while True:
            chosen = self._choose(self._balance.look(len(self._connections), self._loads()))
            pause_s = self._interval_s / (len(chosen) + 1)
            for connection in chosen:
                await asyncio.sleep(pause_s)
                if self._may_go(connection):
                    self._send_away(connection)
            await asyncio.sleep(pause_s)

    def _loads(self) -> list[Load]:
        return [
            Load(
                status.gateway_slot,
                status.gateway_epoch,
                status.connections,
                draining=status.state == GATEWAY_STATE_DRAINING,
            )
            for status in self._others()
        ]

    def _choose(self, count: int) -> list[StationConnection]:
        if not count:
            return []
        self._forget_rested()
        present = list(self._connections)
        looked_at = random.sample(
            present, min(len(present), count * _LOOKED_AT)
        )  # in no order, so that none is always first
        chosen = [connection for connection in looked_at if self._may_go(connection)][:count]
        self._balance.sent(len(chosen))
        _log.info("more stations than the other gateways have", connections=len(present), sent_away=len(chosen))
        return chosen

    def _may_go(self, connection: StationConnection) -> bool:
        """Whether the station is accepted and does nothing, as far as this connection tells."""
        return (
            connection.is_open
            and connection.idle
            and not connection.running
            and not connection.draining
            and connection.registration is Registration.ACCEPTED
            and connection.silent_s >= _SILENT_S
            and now_ms() - connection.connected_at_ms >= self._youngest_ms
            and connection.station_id not in self._sent
        )

    def _send_away(self, connection: StationConnection) -> None:
        self._sent[connection.station_id] = asyncio.get_running_loop().time()
        metrics.GATEWAY_SHED.inc()
        connection.close(CloseCode.GOING_AWAY, REASON)

    def _forget_rested(self) -> None:
        rested = asyncio.get_running_loop().time() - _REST_S
        while self._sent:
            station_id, since = next(iter(self._sent.items()))
            if since > rested:
                return
            del self._sent[station_id]
