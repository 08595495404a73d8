"""OCPP 1.6: StartTransaction, StopTransaction, MeterValues, remote start and stop. Nobody can be asked for a status."""

from csms_ocpp.versions import Protocol

from csms_transactions.versions.v16 import commands, messages
from csms_transactions.versions.version import TransactionsVersion

V16 = TransactionsVersion(
    protocol=Protocol.OCPP16,
    events={"StartTransaction": messages.start_message, "StopTransaction": messages.stop_message},
    meter_values={"MeterValues": messages.meter_values},
    stored_event=messages.stored_event,
    shown_event=messages.shown_event,
    meter_values_in=messages.meter_values_in,
    start_action=commands.START,
    start=commands.start,
    start_limits=commands.start_limits,
    start_rules=commands.start_rules,
    start_id=commands.start_id,
    start_fields=commands.START_FIELDS,
    stop=commands.stop,
    web_payment_started=lambda _evse_id, _timeout_s: None,
    remote_answer=commands.remote_answer,
    status=None,
)
