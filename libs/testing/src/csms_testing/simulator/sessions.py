"""What sessions do to a station: transactions begun and ended, cables, faults, answers of the CSMS."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from csms_testing.simulator import handlers, status
from csms_testing.simulator.charging import ChargeResult, Plan, Session
from csms_testing.simulator.clock import timestamp
from csms_testing.simulator.errors import EvseUnavailable
from csms_testing.simulator.evse import Connector, ConnectorStatus, Evse
from csms_testing.simulator.frames import Json
from csms_testing.simulator.messages import Message
from csms_testing.simulator.tokens import ACCEPTED
from csms_testing.simulator.transaction import (
    DEAUTHORIZED,
    EV_DISCONNECTED,
    FAULT,
    POWER_LOSS,
    EventType,
    Stop,
    Transaction,
)

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_UNUSABLE = (ConnectorStatus.UNAVAILABLE, ConnectorStatus.FAULTED)


async def charge(station: "Station", evse_id: int, id_token: Json, plan: Plan) -> ChargeResult:
    """Run a session. Raises EvseUnavailable."""
    evse = claim(station, evse_id, id_token, plan)
    return await run_claimed(station, evse, id_token, plan)


async def run_claimed(station: "Station", evse: Evse, id_token: Json, plan: Plan) -> ChargeResult:
    """Run a session at an EVSE that was claimed for it."""
    try:
        return await Session(station, evse, id_token, plan).run()
    finally:
        evse.busy = False
        station.notify()


def claim(station: "Station", evse_id: int, id_token: Json, plan: Plan) -> Evse:
    """Take an EVSE for a session, so that nobody else does. Raises EvseUnavailable."""
    evse = station.evses.get(evse_id)
    connector = evse.connector(plan.connector_id) if evse else None
    if evse is None or connector is None:
        raise EvseUnavailable(f"{station.id} has no EVSE {evse_id} with connector {plan.connector_id}")
    if evse.busy or (evse.transaction is not None and evse.transaction.id_token is not None):
        raise EvseUnavailable(f"EVSE {evse_id} is in use")
    if station.status(evse_id, connector.id) in _UNUSABLE:
        raise EvseUnavailable(f"EVSE {evse_id} is out of order")
    if not handlers.may_use(station, evse, id_token, plan.group_id_token):
        raise EvseUnavailable(f"EVSE {evse_id} is reserved")
    evse.busy = True
    return evse


def begin(station: "Station", evse: Evse, connector_id: int, id_token: Json | None) -> Transaction:
    """Begin a transaction; the caller emits its Started event. A reservation of the token is used up (H03)."""
    transaction = Transaction(evse.id, connector_id, evse.meter.energy_wh)
    transaction.reservation_id = handlers.take_reservation(station, evse, id_token)
    evse.transaction = transaction
    station.notify()
    return transaction


def emit(
    station: "Station",
    transaction: Transaction,
    event_type: EventType,
    trigger: str,
    *,
    measurands: str | None,
    connected: bool,
    stop: Stop | None,
) -> asyncio.Future[Json | None]:
    """Queue an event with the meter values configured for its kind, or by the variable `measurands`."""
    configured = {"Started": "TxStartedMeasurands", "Ended": "TxEndedMeasurands"}
    contexts = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}
    if trigger == "Trigger":
        contexts[event_type] = "Trigger"
    names = measurands or configured.get(event_type)
    sample = None
    if names is not None:
        wanted = station.model.members("SampledDataCtrlr", names)
        sample = station.evses[transaction.evse_id].meter.sample(wanted, contexts.get(event_type, "Sample.Periodic"))
    event = transaction.event(
        event_type, trigger, offline=not station.accepted, meter_value=sample, connected=connected, stop=stop
    )
    if station.clock_error:
        event["timestamp"] = timestamp(datetime.now(UTC) + station.clock_error)
        for value in event.get("meterValue", ()):
            value["timestamp"] = event["timestamp"]
    answer = _send(station, transaction, event)
    station.notify()
    return answer


def _send(station: "Station", transaction: Transaction, event: Json) -> asyncio.Future[Json | None]:
    message = station.version.message(station, transaction, event)
    if message is not None:
        return station.delivery.put(message)
    nothing: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
    nothing.set_result(None)
    return nothing


async def end(station: "Station", evse: Evse, stop: Stop) -> None:
    """End the EVSE's transaction, wait for the answer, and do what was put off until now."""
    transaction = evse.transaction
    if transaction is None:
        return
    for connector in evse.connectors:
        connector.charged = connector.plugged
    plugged = any(connector.plugged for connector in evse.connectors)
    transaction.charging_state = "EVConnected" if plugged else "Idle"
    evse.meter.power_w = 0.0
    answer = emit(station, transaction, "Ended", stop.trigger, measurands=None, connected=plugged, stop=stop)
    evse.transaction, evse.meter.soc_percent = None, None
    handlers.forget_tx_profiles(station, evse.id)
    station.notify()
    await answer
    await handlers.transaction_ended(station, evse)


def apply_answer(station: "Station", message: Message, told: Json) -> None:
    """What a TransactionEventResponse means for a running transaction (E05, I02, I03)."""
    transaction = message.transaction
    if not any(running is transaction for running in station.transactions()):
        return
    transaction.total_cost = told.get("totalCost", transaction.total_cost)
    info = told.get("idTokenInfo")
    if info is None:
        return
    transaction.group_id_token = info.get("groupIdToken", transaction.group_id_token)
    if "idToken" in message.event:
        station.tokens.remember(message.event["idToken"], info)
    if info["status"] != ACCEPTED and station.model.flag("TxCtrlr", "StopTxOnInvalidId"):
        transaction.request_stop(DEAUTHORIZED)


def _connector(station: "Station", evse_id: int, connector_id: int) -> tuple[Evse, Connector]:
    evse = station.evses[evse_id]
    connector = evse.connector(connector_id)
    if connector is None:
        raise KeyError(f"EVSE {evse_id} has no connector {connector_id}")
    return evse, connector


async def set_plugged(station: "Station", evse_id: int, connector_id: int, *, plugged: bool) -> None:
    """Move the cable and report the connector."""
    _, connector = _connector(station, evse_id, connector_id)
    connector.plugged, connector.charged = plugged, False
    station.notify()
    await status.report_changes(station)


async def plug_in(station: "Station", evse_id: int, connector_id: int) -> None:
    """Plug a car in where nobody has presented a token yet (E01: cable first)."""
    evse, _ = _connector(station, evse_id, connector_id)
    await set_plugged(station, evse_id, connector_id, plugged=True)
    if evse.transaction is None and "EVConnected" in station.model.members("TxCtrlr", "TxStartPoint"):
        transaction = begin(station, evse, connector_id, None)
        transaction.charging_state = "EVConnected"
        await emit(station, transaction, "Started", "CablePluggedIn", measurands=None, connected=True, stop=None)


async def unplug(station: "Station", evse_id: int, connector_id: int) -> None:
    """Pull the cable; a transaction that still runs is stopped (E09, StopTxOnEVSideDisconnect)."""
    evse, _ = _connector(station, evse_id, connector_id)
    await set_plugged(station, evse_id, connector_id, plugged=False)
    await stop_or_end(station, evse, EV_DISCONNECTED)


async def stop_or_end(station: "Station", evse: Evse, stop: Stop) -> None:
    """Stop the transaction of an EVSE: by its session driver, or here when it has none."""
    if evse.transaction is None:
        return
    evse.transaction.request_stop(stop)
    if not evse.busy:
        await end(station, evse, stop)  # nobody else would


async def set_faulted(station: "Station", evse_id: int, connector_id: int, *, faulted: bool) -> None:
    """Break or repair a connector."""
    evse, connector = _connector(station, evse_id, connector_id)
    connector.faulted = faulted
    await status.report_changes(station)
    if faulted:
        await stop_or_end(station, evse, FAULT)


async def stop_all(station: "Station", stop: Stop, evse_id: int | None = None) -> None:
    """Stop all transactions (of one EVSE) and wait until their Ended events are answered or kept for later."""
    chosen = [evse for evse in station.evses.values() if evse_id in (None, evse.id)]
    for evse in chosen:
        await stop_or_end(station, evse, stop)
    await station.wait_for(lambda: all(evse.transaction is None for evse in chosen), station.config.connect_timeout_s)


async def power_loss(station: "Station") -> None:
    """Lose power and come back."""
    await station.go_offline()
    await station.wait_for(lambda: not station.connected)
    await stop_all(station, POWER_LOSS)
    station.link.must_boot("PowerUp")
    await station.clock.sleep(station.config.reboot_s)
    station.go_online()
