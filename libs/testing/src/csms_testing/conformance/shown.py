"""What the operator sees of a station, by the HTTP API alone."""

from typing import Any

from csms_testing.conformance.operator import Operator
from csms_testing.conformance.states import Evse
from csms_testing.conformance.transaction import Transaction

Shown = dict[str, Any]


async def transaction(operator: Operator, played: Transaction) -> Shown:
    """Return a transaction as it is listed; raises AssertionError unless it is there once, without gaps, whole."""
    shown = await listed(operator, played)
    lost = {name: shown[name] for name in ("gaps", "started_missing") if shown[name]}
    if lost or shown["event_count"] != played.seq_no:
        raise AssertionError(f"{played.seq_no} events were sent: {shown}")
    return shown


async def listed(operator: Operator, played: Transaction) -> Shown:
    """Return a transaction as it is listed, whatever is missing; raises AssertionError unless it is there once."""
    station_id = played.station.station_id
    found = await operator.items("/transactions", station_id=station_id, transaction_id=played.transaction_id)
    if len(found) != 1:
        raise AssertionError(f"{len(found)} transactions with one id: {found}")
    return found[0]


async def events(operator: Operator, shown: Shown) -> list[Shown]:
    """Return the stored events of a transaction, by seqNo."""
    return await operator.items(f"/transactions/{shown['id']}/events")


async def meter_values(operator: Operator, shown: Shown) -> list[Shown]:
    """Return the meterValues of a transaction as they were sent, by seqNo."""
    items = await operator.items(f"/transactions/{shown['id']}/meter-values")
    return [item["meter_value"] for item in items]


async def connector(operator: Operator, station_id: str, evse: Evse = (1, 1)) -> str | None:
    """Return a connector's status; None when it was never told."""
    for shown_evse in (await operator.station(station_id))["evses"]:
        for shown_connector in shown_evse["connectors"]:
            if (shown_evse["evse_id"], shown_connector["connector_id"]) == evse:
                status: str = shown_connector["status"]
                return status
    return None


async def reconnected(operator: Operator, station_id: str, earlier: Shown) -> Shown:
    """Wait until a station's connection is another than in `earlier`, as the API showed it; return the station."""

    async def other() -> Shown | None:
        station = await operator.station(station_id)
        changed = station["connection"]["connection_id"] != earlier["connection"]["connection_id"]
        return station if changed and station["connected"] else None

    found = await operator.eventually(other)
    if found is None:
        raise AssertionError("eventually returns what is true")
    return found


async def last_call(operator: Operator, station_id: str) -> Shown:
    """Return the newest call in a station's history."""
    return (await operator.items(f"/stations/{station_id}/calls"))[0]


async def authorizations(operator: Operator, shown: Shown) -> list[Shown]:
    """Return what was decided about the tokens in a transaction's events, by seqNo."""
    found: list[Shown] = (await operator.get(f"/transactions/{shown['id']}"))["authorizations"]
    return found
