"""What an event is in a timeline: type, time, place; and the sentence that people read of it."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from csms.v1.events_pb2 import (
    AuthorizationDecided,
    AvailabilityOrdered,
    CertificateIssued,
    CommandCompleted,
    ConfigurationChanged,
    ConnectionRefused,
    ConnectorStatusChanged,
    DomainEvent,
    PasswordChanged,
    ReportCompleted,
    SecurityProfileChanged,
    StationBooted,
    StationChanged,
    StationConnected,
    StationDisconnected,
    StationNotified,
    Transaction,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from csms_history.events import Event, shown
from csms_history.timeline.facts import TYPES, Facts, Kind, facts_of, happened_at, token_key
from csms_history.timeline.sentences import sentence
from csms_runtime.clock import from_ms, to_ms

PROTO = Path(__file__).parents[3] / "proto/csms/v1/events.proto"
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
MS = to_ms(NOON)
MINUTE = 60_000


def told(**body: Any) -> DomainEvent:
    return DomainEvent(event_id="e1", occurred_at_ms=MS, station_id="CS1", **body)


def facts(**body: Any) -> Facts:
    found = facts_of(told(**body))
    assert found is not None
    return found


def words(**body: Any) -> str:
    (name,) = body
    return sentence(name, shown(Event("events.devices", name, told(**body)).content))


def test_a_status_counts_from_the_stations_time_and_may_be_a_fault():
    status = ConnectorStatusChanged(evse_id=1, connector_id=2, status="Available", reported_at_ms=MS - MINUTE)
    found = facts(connector_status_changed=status)
    assert (found.kind, found.at, found.evse_id, found.connector_id, found.fault) == (
        Kind.STATUS,
        from_ms(MS - MINUTE),
        1,
        2,
        "",
    )
    status.status = "Faulted"
    assert facts(connector_status_changed=status).fault == "Faulted"
    status.error_code = "GroundFailure"
    assert facts(connector_status_changed=status).fault == "GroundFailure"
    status.status, status.error_code = "Available", "NoError"
    assert facts(connector_status_changed=status).fault == ""


@pytest.mark.parametrize("reported", [0, 1000, MS + 6 * MINUTE, 2**62, -(2**62)], ids=str)
def test_a_time_that_cannot_be_true_is_not_taken(reported: int):
    assert happened_at(reported, NOON) == NOON


def test_nothing_happens_after_it_was_told():
    assert happened_at(MS + MINUTE, NOON) == NOON


def test_a_token_is_found_in_any_case_and_a_key_code_by_nothing():
    decided = AuthorizationDecided(id_token="04AbC", id_token_type="ISO14443", status="Blocked", evse_id=3)
    found = facts(authorization_decided=decided)
    assert (found.token_key, found.status, found.evse_id) == ("04abc", "Blocked", 3)
    assert token_key("****") == token_key("") == ""


def test_of_a_running_transaction_only_beginning_and_end_are_told_and_what_is_corrected_later():
    running = TransactionUpdated(transaction=Transaction(state="Active"))
    assert facts_of(told(transaction_updated=running)) is None
    running.transaction.state = "Ended"
    assert facts(transaction_updated=running).kind is Kind.TRANSACTION


def test_a_notify_event_with_a_problem_is_a_fault():
    def notified(value: str, name: str = "Problem") -> Facts:
        component = b'{"name": "Connector", "evse": {"id": 2, "connectorId": 1}}'
        payload = b'{"eventData": [{"component": %s, "variable": {"name": "%s"}, "actualValue": "%s"}]}'
        body = StationNotified(action="NotifyEvent", payload=payload % (component, name.encode(), value.encode()))
        return facts(station_notified=body)

    found = notified("true")
    assert (found.kind, found.fault, found.evse_id, found.connector_id) == (Kind.FAULT, "Problem", 2, 1)
    assert notified("false").kind is notified("true", "Power").kind is Kind.NOTIFICATION
    assert facts(station_notified=StationNotified(action="NotifyEvent", payload_omitted=True)).fault == ""


WHOLE = Transaction(transaction_id="tx", evse_id=1, close_reason="")
SENTENCES = [
    (
        {"station_connected": StationConnected(protocol="ocpp2.0.1", remote_address="192.0.2.17")},
        "The station connected from 192.0.2.17 with ocpp2.0.1.",
    ),
    (
        {"station_disconnected": StationDisconnected(reason="replaced", close_code=1000)},
        "An older connection was replaced by the new one.",
    ),
    (
        {"station_disconnected": StationDisconnected(close_code=1006)},
        "The connection broke off without a word (close code 1006).",
    ),
    (
        {"station_disconnected": StationDisconnected(reason="superseded by a newer connection")},
        "An older connection was replaced by the new one.",
    ),
    (
        {"station_disconnected": StationDisconnected(reason="no answer to pings", close_code=1001)},
        "The connection ended: no answer to pings (close code 1001).",
    ),
    ({"connection_refused": ConnectionRefused(reason="wrong password")}, "The station was not let in: wrong password."),
    (
        {"connection_refused": ConnectionRefused(reason="No common version. Offered: ocpp1.5.")},
        "The station was not let in: No common version. Offered: ocpp1.5.",
    ),
    (
        {"transaction_started": TransactionStarted(transaction_id="tx", evse_id=1)},
        "Transaction tx started at EVSE 1 without an accepted token.",
    ),
    (
        {
            "station_notified": StationNotified(
                action="NotifyEvent",
                payload=b'{"eventData": [{"component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}, '
                b'"variable": {"name": "Problem"}, "actualValue": "true", "techCode": "E-99"}]}',
            )
        },
        "The station told of a problem: E-99 at connector 1 of EVSE 1.",
    ),
    (
        {"station_notified": StationNotified(action="NotifyEvent", payload=b'{"eventData": []}')},
        "The station sent NotifyEvent.",
    ),
    (
        {
            "station_booted": StationBooted(
                reason="PowerUp",
                firmware_version="1.1",
                previous_firmware_version="1.0",
                registration_status="Accepted",
            )
        },
        "The station started (PowerUp) with firmware 1.1, before 1.0, and was accepted.",
    ),
    (
        {
            "connector_status_changed": ConnectorStatusChanged(
                evse_id=1, connector_id=2, status="Occupied", reported_status="SuspendedEV"
            )
        },
        "Connector 2 of EVSE 1 is in use (SuspendedEV).",
    ),
    (
        {
            "connector_status_changed": ConnectorStatusChanged(
                evse_id=1, status="Faulted", error_code="GroundFailure", info="see manual"
            )
        },
        "EVSE 1 has a fault: error GroundFailure, see manual.",
    ),
    ({"connector_status_changed": ConnectorStatusChanged(status="Unavailable")}, "The station is out of service."),
    (
        {
            "authorization_decided": AuthorizationDecided(
                id_token="X", id_token_type="eMAID", status="Expired", reason="expired", evse_id=1
            )
        },
        "Token X (eMAID) was refused (Expired) at EVSE 1: the token has expired.",
    ),
    (
        {
            "authorization_decided": AuthorizationDecided(
                id_token="X", status="Accepted", reason="stored", purpose="stop"
            )
        },
        "Token X was accepted to stop a transaction.",
    ),
    (
        {"authorization_decided": AuthorizationDecided(id_token="X", status="Blocked", reason="stored")},
        "Token X was refused (Blocked): Blocked is what is stored of the token.",
    ),
    (
        {"authorization_decided": AuthorizationDecided(id_token="X", status="Undecided", reason="auth_away")},
        "Token X got no decision: the service that decides did not answer in time.",
    ),
    (
        {
            "transaction_started": TransactionStarted(
                transaction_id="tx", evse_id=1, connector_id=1, id_token="X", remote_start_id=7
            )
        },
        "Transaction tx started at connector 1 of EVSE 1 with token X after a remote start.",
    ),
    (
        {
            "transaction_ended": TransactionEnded(
                transaction_id="tx", energy_wh=12345.6, stopped_reason="EVDisconnected", transaction=WHOLE
            )
        },
        "Transaction tx ended at EVSE 1 with 12.346 kWh: EVDisconnected.",
    ),
    (
        {"transaction_updated": TransactionUpdated(transaction_id="tx", energy_wh=1000)},
        "Transaction tx was corrected after its end: it is now with 1.000 kWh.",
    ),
    (
        {
            "command_completed": CommandCompleted(
                action="Reset", outcome="result", status="Rejected", requested_by="anna"
            )
        },
        "Anna asked for Reset: it answered Rejected.",
    ),
    (
        {"command_completed": CommandCompleted(action="Reset", outcome="not_connected")},
        "Reset was asked of the station: it was never sent, for the station was not connected.",
    ),
    (
        {"command_completed": CommandCompleted(action="Reset", outcome="error", error_code="NotSupported")},
        "Reset was asked of the station: the answer is an error, NotSupported.",
    ),
    (
        {
            "configuration_changed": ConfigurationChanged(
                count=2,
                values=[
                    ConfigurationChanged.Value(component="OCPPCommCtrlr", variable="HeartbeatInterval", value="60"),
                    ConfigurationChanged.Value(component="SecurityCtrlr", variable="BasicAuthPassword"),
                ],
            )
        },
        (
            "The station took new settings: OCPPCommCtrlr HeartbeatInterval = 60, SecurityCtrlr BasicAuthPassword "
            "(its value is not shown)."
        ),
    ),
    (
        {"availability_ordered": AvailabilityOrdered(evse_id=1, status="Scheduled")},
        "An operator took EVSE 1 out of service, as soon as nobody charges there.",
    ),
    (
        {"availability_ordered": AvailabilityOrdered(operative=True, status="Accepted")},
        "An operator took the station back into service.",
    ),
    (
        {"station_changed": StationChanged(change=StationChanged.CHANGE_DELETED)},
        "An operator deleted the station here.",
    ),
    (
        {"security_profile_changed": SecurityProfileChanged(from_profile=1, to_profile=2)},
        "The station's security profile went from 1 to 2.",
    ),
    ({"password_changed": PasswordChanged(password_set=True)}, "An operator set a new password for the station."),
    (
        {"certificate_issued": CertificateIssued(not_after_ms=MS)},
        "A certificate was signed for the station, valid until 2026-11-27.",
    ),
    ({"report_completed": ReportCompleted(entries=3)}, "A report of the station is complete: 3 entries."),
    (
        {"station_notified": StationNotified(action="FirmwareStatusNotification", payload=b'{"status": "Installed"}')},
        "The firmware update is now Installed.",
    ),
]


@pytest.mark.parametrize(
    ("body", "expected"), SENTENCES, ids=[f"{number}-{next(iter(body))}" for number, (body, _) in enumerate(SENTENCES)]
)
def test_each_entry_has_a_plain_sentence(body: dict[str, Any], expected: str):
    assert words(**body) == expected


REASONS = re.findall(r'"(\w+)"', PROTO.read_text().partition("// Why: ")[2].partition("Empty:")[0])


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_a_decision_has_words(reason: str):
    assert {"stored", "concurrency", "auth_away"} <= set(REASONS)
    decided = AuthorizationDecided(id_token="X", status="Blocked", reason=reason)
    assert words(authorization_decided=decided).startswith("Token X was refused (Blocked): ")


@pytest.mark.parametrize("event", [*TYPES, "asked_for", "what_nobody_knows"])
def test_what_was_too_large_to_keep_has_a_sentence_too(event: str):
    assert sentence(event, {"omitted_bytes": 70_000}).endswith(".")


def test_every_type_of_event_has_a_sentence_of_its_own():
    plain = {event for event in TYPES if sentence(event, {}) == f"{event.replace('_', ' ')}.".capitalize()}
    assert plain == set()
