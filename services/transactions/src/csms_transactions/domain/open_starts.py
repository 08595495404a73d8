"""Says which of our requests to start a transaction comes of, where it does not say so itself (OCPP 1.6)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from csms_transactions.domain.events import TransactionEvent

OPEN_FOR = timedelta(minutes=10)
"""So long after a request a transaction may come of it: the driver has to plug in (ConnectionTimeOut)."""


class OpenStart(NamedTuple):
    """A request to start that no transaction came of yet, and that the station did not refuse."""

    station_id: str
    remote_start_id: int
    requested_at: datetime
    evse_id: int | None
    """None: the station chooses."""
    id_token: str


def matched(
    station_id: str, event: TransactionEvent, received_at: datetime, starts: Iterable[OpenStart]
) -> OpenStart | None:
    """Return the newest request for this token at this EVSE, else the newest one that leaves the EVSE open."""
    token = "" if event.id_token is None else event.id_token.value.casefold()
    fitting = [
        start
        for start in starts
        if start.station_id == station_id
        and start.id_token.strip().casefold() == token
        and start.evse_id in {None, event.evse_id}
        and timedelta(0) <= received_at - start.requested_at <= OPEN_FOR
    ]
    return max(fitting, key=_order, default=None)


def _order(start: OpenStart) -> tuple[bool, datetime]:
    return start.evse_id is not None, start.requested_at
