"""Orders of device-mgmt: to send a CALL, to close a connection."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import orjson
from csms.v1.station_pb2 import CallForm, CallOrder, CloseConnection
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import DEVICES_ORDERS
from csms_runtime.clock import to_ms

from csms_auth.versions.version import Form

ORIGIN = "auth"

ORDER_TIME = timedelta(seconds=60)
"""How long an order may wait to be sent."""
OUTCOME_TIME = timedelta(minutes=10)
"""How long we wait for the outcome of an order. device-mgmt always sends one, soon after the station's time is over."""


def order(station_id: str, call_id: str, forms: Sequence[Form], now: datetime) -> Outgoing:
    """Return the order of a CALL, in the form of the station's version. Its outcome comes on ocpp.results."""
    (_, command), *others = forms
    body = CallOrder(
        call_id=call_id,
        action=command.action,
        payload=orjson.dumps(command.payload),
        origin=ORIGIN,
        deadline_ms=to_ms(now + ORDER_TIME),
        forms=map(_form, others),
    )
    return Outgoing(DEVICES_ORDERS.name, new_record(station_id, call_order=body))


def _form(form: Form) -> CallForm:
    payload = orjson.dumps(form.command.payload)
    return CallForm(protocols=[form.protocol], action=form.command.action, payload=payload)


def close(station_id: str, reason: str) -> Outgoing:
    """Return the order to close the station's connection, if it has one."""
    return Outgoing(DEVICES_ORDERS.name, new_record(station_id, close_connection=CloseConnection(reason=reason)))
