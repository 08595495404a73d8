"""OCPP 2.1: as 2.0.1. What its TransactionEvent tells more of limits, costs and operation is a detail of the event."""

from dataclasses import replace

from csms_ocpp.versions import Protocol

from csms_transactions.versions.v21 import commands, messages
from csms_transactions.versions.v201 import V201

V21 = replace(
    V201,
    protocol=Protocol.OCPP21,
    events={"TransactionEvent": messages.event_message},
    stored_event=messages.stored_event,
    takes_limits=True,
    web_payment_started=commands.web_payment_started,
    start_limits=lambda _request: [],  # what our API takes, this version can do
)
