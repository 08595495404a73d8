"""OCPP 2.0.1: TransactionEvent, MeterValues, remote start and stop, GetTransactionStatus."""

from csms_ocpp.versions import Protocol

from csms_transactions.versions.v201 import commands, messages
from csms_transactions.versions.version import StatusQuestion, TransactionsVersion

V201 = TransactionsVersion(
    protocol=Protocol.OCPP201,
    events={"TransactionEvent": messages.event_message},
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
    status=StatusQuestion(commands.ASK, commands.ask_status, commands.asked_status, commands.told_status),
)
