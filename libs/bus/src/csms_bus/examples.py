"""One example of each body that a record may have, for docs/topics.md and for tests of who reads the topics."""

from csms.v1.auth_pb2 import (
    REGISTRATION_STATUS_ACCEPTED,
    ApiKey,
    AuditEntry,
    AuthorizationDecision,
    AuthorizationRequest,
    ConnectionDecision,
    ConnectionRequest,
    IdToken,
    IdTokenInfo,
    StationAdmission,
    StationAdmissionResult,
    TokenQuestion,
)
from csms.v1.bus_pb2 import DeadLetter, Record
from csms.v1.events_pb2 import ConnectionRefused, DomainEvent, StationBooted, Transaction, TransactionEnded
from csms.v1.station_pb2 import (
    CONNECTION_STATE_OPEN,
    GATEWAY_STATE_ALIVE,
    MESSAGE_DIRECTION_IN,
    OUTCOME_RESULT,
    CallOrder,
    CallOrderVerdict,
    CloseConnection,
    CommandResult,
    ConnectionRecord,
    GatewayStatus,
    LoggedMessage,
    MessageLog,
    Presence,
    PresenceSummary,
    RefusedMessage,
    RemoteStart,
    RemoteStartNoted,
    Replies,
    Reply,
    ReplyTo,
    StationCall,
    StationCommand,
)

from csms_bus.topics import (
    CALLS_AUTH,
    CALLS_DEVICES,
    CALLS_TRANSACTIONS,
    DEVICES_INBOX,
    EVENTS_AUTH,
    EVENTS_DEVICES,
    EVENTS_GATEWAY,
    EVENTS_TRANSACTIONS,
    GATEWAY_INBOX,
    TRANSACTIONS_INBOX,
)

_STATION = "CS-0001"
_MOMENT_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
_DEADLINE_MS = _MOMENT_MS + 10_000
_TO_GATEWAY = ReplyTo(topic=GATEWAY_INBOX.name, partition=3)
_TO_TRANSACTIONS = ReplyTo(topic=TRANSACTIONS_INBOX.name, partition=0)
_TO_DEVICES = ReplyTo(topic=DEVICES_INBOX.name, partition=0)
_QUESTION = "5f1e0c2ab4d94d0e8f11-00002a"
_CONNECTION = "5f1e0c2ab4d94d0e8f11-000007"

_TOKEN = IdToken(id_token="04A2B3C4", type="ISO14443")  # noqa: S106 an example
_GROUP = IdToken(id_token="FLEET-7", type="Central")  # noqa: S106 an example

_COMMAND = StationCommand(
    reply_to=_TO_DEVICES,
    correlation_id="a1c9b7a0c6f64f1d9e52-000009",
    protocol="ocpp2.0.1",
    action="Reset",
    payload=b'{"type":"OnIdle"}',
    timeout_ms=30_000,
    deadline_ms=_MOMENT_MS + 60_000,
    origin="device-mgmt",
    gateway_epoch=_MOMENT_MS - 3_600_000,
    connection_id=_CONNECTION,
)

_REMOTE_STOP = StationCommand(
    reply_to=_TO_TRANSACTIONS,
    correlation_id="b7f3c1d20e5a4c6d8f12-000003",
    protocol="ocpp2.0.1",
    action="RequestStopTransaction",
    payload=b'{"transactionId":"7b1c"}',
    origin="transactions",
)


def _record(**body: object) -> Record:
    return Record(
        record_id="0d3f6c5e8b7a4e2f9a10-0001f4",
        produced_at_ms=_MOMENT_MS,
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        station_id=_STATION,
        **body,  # type: ignore[arg-type]
    )


def _event(**event: object) -> Record:
    return _record(
        event=DomainEvent(
            event_id="c0ffee00c6f64f1d9e52-000001",
            occurred_at_ms=_MOMENT_MS,
            station_id=_STATION,
            **event,  # type: ignore[arg-type]
        )
    )


def _call(action: str, payload: bytes) -> Record:
    return _record(
        station_call=StationCall(
            reply_to=_TO_GATEWAY,
            correlation_id=_QUESTION,
            protocol="ocpp2.0.1",
            action=action,
            message_id="19223201",
            payload=payload,
            received_at_ms=_MOMENT_MS,
            deadline_ms=_DEADLINE_MS,
            gateway_epoch=_MOMENT_MS - 3_600_000,
            connection_id=_CONNECTION,
            security_profile=2,
        )
    )


_BODIES: dict[str, Record] = {
    "reply": _record(reply=Reply(correlation_id=_QUESTION, payload=b"{}")),
    "message_log": _record(
        message_log=MessageLog(
            messages=[
                LoggedMessage(
                    id=4_611_686_018_427_387_904,
                    at_us=_MOMENT_MS * 1000,
                    direction=MESSAGE_DIRECTION_IN,
                    action="Heartbeat",
                    message_id="19223201",
                    outcome="result",
                    request=b'[2,"19223201","Heartbeat",{}]',
                    answer=b'[3,"19223201",{"currentTime":"2026-01-01T00:00:00.000Z"}]',
                    request_bytes=29,
                    answer_bytes=57,
                    latency_us=310,
                )
            ]
        )
    ),
    "replies": _record(replies=Replies(replies=[Reply(correlation_id=_QUESTION, payload=b"{}")])),
    "station_command": _record(station_command=_COMMAND),
    "command_result": _record(
        command_result=CommandResult(
            command=_COMMAND,
            outcome=OUTCOME_RESULT,
            payload=b'{"status":"Accepted"}',
            sent_at_ms=_MOMENT_MS + 12,
            completed_at_ms=_MOMENT_MS + 480,
        )
    ),
    "connection": _record(
        connection=ConnectionRecord(
            state=CONNECTION_STATE_OPEN,
            gateway_slot=3,
            gateway_epoch=_MOMENT_MS - 3_600_000,
            connection_id=_CONNECTION,
            protocol="ocpp2.0.1",
            security_profile=2,
            remote_address="192.0.2.17",
            connected_at_ms=_MOMENT_MS,
        )
    ),
    "close_connection": _record(
        close_connection=CloseConnection(
            gateway_epoch=_MOMENT_MS - 3_600_000, connection_id=_CONNECTION, reason="newer connection on gateway 5"
        )
    ),
    "gateway_status": _record(
        gateway_status=GatewayStatus(
            gateway_slot=3, gateway_epoch=_MOMENT_MS - 3_600_000, state=GATEWAY_STATE_ALIVE, connections=4711
        )
    ),
    "presence": _record(
        presence=PresenceSummary(
            gateway_slot=3,
            gateway_epoch=_MOMENT_MS - 3_600_000,
            stations=[Presence(station_id=_STATION, last_seen_ms=_MOMENT_MS - 1500)],
        )
    ),
    "connection_request": _record(
        connection_request=ConnectionRequest(
            reply_to=_TO_GATEWAY,
            correlation_id=_QUESTION,
            deadline_ms=_DEADLINE_MS,
            protocol="ocpp2.0.1",
            security_profile=2,
            password_digests=[b"\x8a" * 32],
            remote_address="192.0.2.17",
        )
    ),
    "connection_decision": _record(
        connection_decision=ConnectionDecision(
            correlation_id=_QUESTION, allowed=True, registration_status=REGISTRATION_STATUS_ACCEPTED
        )
    ),
    "authorization_request": _record(
        authorization_request=AuthorizationRequest(
            reply_to=_TO_TRANSACTIONS,
            correlation_id=_QUESTION,
            deadline_ms=_DEADLINE_MS,
            questions=[TokenQuestion(station_id=_STATION, id_token=_TOKEN, evse_id=1)],
        )
    ),
    "authorization_decision": _record(
        authorization_decision=AuthorizationDecision(
            correlation_id=_QUESTION,
            answers=[IdTokenInfo(status="Accepted", group_id_token=_GROUP)],
        )
    ),
    "station_admission": _record(
        station_admission=StationAdmission(
            reply_to=_TO_DEVICES,
            correlation_id=_QUESTION,
            deadline_ms=_DEADLINE_MS,
            revision=_MOMENT_MS,
            security_profile=2,
            registration_status=REGISTRATION_STATUS_ACCEPTED,
            password_digest=b"\x8a" * 32,
        )
    ),
    "station_admission_result": _record(
        station_admission_result=StationAdmissionResult(correlation_id=_QUESTION, applied=True)
    ),
    "call_order": _record(
        call_order=CallOrder(
            call_id="c4d1a7b2e3f64a5b9c01-000002",
            action=_REMOTE_STOP.action,
            payload=_REMOTE_STOP.payload,
            origin="transactions",
            deadline_ms=_DEADLINE_MS,
            reply_to=_TO_TRANSACTIONS,
            correlation_id=_QUESTION,
            requested_by="support",
            idempotency_key="ticket-4711",
            protocols=["ocpp2.0.1", "ocpp2.1"],
        )
    ),
    "call_order_verdict": _record(
        call_order_verdict=CallOrderVerdict(
            correlation_id=_QUESTION, verdict=CallOrderVerdict.VERDICT_RECORDED, timeout_ms=30_000
        )
    ),
    "remote_start": _record(
        remote_start=RemoteStart(
            reply_to=_TO_DEVICES,
            correlation_id=_QUESTION,
            deadline_ms=_DEADLINE_MS,
            call_id="5f1e0c2ab4d94d0e8f11-00002d",
            remote_start_id=12,
            evse_id=1,
            id_token="4711-0815",  # noqa: S106 it opens nothing
            id_token_type="Central",  # noqa: S106 no secret
            requested_at_ms=_MOMENT_MS,
        )
    ),
    "remote_start_noted": _record(remote_start_noted=RemoteStartNoted(correlation_id=_QUESTION)),
    "refused_message": _record(
        refused_message=RefusedMessage(
            protocol="ocpp2.0.1",
            connection_id="5f1e0c2ab4d94d0e8f11-000007",
            kind="call_refused",
            action="StatusNotification",
            code="OccurrenceConstraintViolation",
            detail="/connectorStatus: is missing",
            received_at_ms=_MOMENT_MS,
        )
    ),
    "api_key": _record(
        api_key=ApiKey(
            key_id="5f1e0c2ab4d94d0e8f11-00002b",
            name="billing",
            sha256=b"\x8a" * 32,
            scopes=["read"],
            expires_at_ms=_MOMENT_MS + 86_400_000,
        )
    ),
    "audit_entry": _record(
        audit_entry=AuditEntry(
            occurred_at_ms=_MOMENT_MS,
            service="device-mgmt",
            principal="support",
            authentication="api-key",
            remote_address="192.0.2.99",
            method="POST",
            path=f"/api/v1/stations/{_STATION}/calls/Reset",
            route="/api/v1/stations/{station_id}/calls/{action}",
            status=200,
            request_id="77aa0c2ab4d94d0e8f11-00002c",
            request=b'{"type":"OnIdle"}',
        )
    ),
    "dead_letter": _record(
        dead_letter=DeadLetter(
            topic="ocpp.calls.devices",
            partition=5,
            offset=123_456,
            group="device-mgmt",
            reason="KeyError: 'evseId'",
            value=b"\n\x1b0d3f6c5e8b7a4e2f9a10-0001f4",
        )
    ),
}

_BY_TOPIC: dict[str, Record] = {
    CALLS_AUTH.name: _call("Authorize", b'{"idToken":{"idToken":"04A2B3C4","type":"ISO14443"}}'),
    CALLS_TRANSACTIONS.name: _call(
        "TransactionEvent",
        b'{"eventType":"Started","timestamp":"2026-01-01T00:00:00Z","triggerReason":"CablePluggedIn","seqNo":0,'
        b'"transactionInfo":{"transactionId":"6e8d2f0a-1b7c-4f43-9d0e-2f1a3b4c5d6e"},"evse":{"id":1,"connectorId":1}}',
    ),
    CALLS_DEVICES.name: _call(
        "StatusNotification",
        b'{"timestamp":"2026-01-01T00:00:00Z","connectorStatus":"Available","evseId":1,"connectorId":1}',
    ),
    EVENTS_AUTH.name: _event(
        connection_refused=ConnectionRefused(http_status=401, reason="wrong password", remote_address="192.0.2.17")
    ),
    EVENTS_DEVICES.name: _event(
        station_booted=StationBooted(
            reason="PowerUp",
            vendor_name="Example",
            model="AC-22",
            serial_number="SN-0001",
            firmware_version="1.4.2",
            registration_status="Accepted",
        )
    ),
    EVENTS_GATEWAY.name: _event(
        connection_refused=ConnectionRefused(
            reason="no common cipher suite",
            remote_address="192.0.2.17",
            security_event="InvalidTLSCipherSuite",
            kind="tls",
        )
    ),
    EVENTS_TRANSACTIONS.name: _event(
        transaction_ended=TransactionEnded(
            transaction_id="6e8d2f0a-1b7c-4f43-9d0e-2f1a3b4c5d6e",
            stopped_reason="EVDisconnected",
            ended_at_ms=_MOMENT_MS,
            energy_wh=18_250.0,
            energy_quality="estimated",
            energy_notes=["the register was reset; it is counted on from zero"],
            transaction=Transaction(
                id="0f8f2c0d4be7a3f1c2d98a6b54e3107c",
                station_id="CS1",
                transaction_id="6e8d2f0a-1b7c-4f43-9d0e-2f1a3b4c5d6e",
                state="Ended",
                revision=21,
                evse_id=1,
                connector_id=1,
                id_token="04A1B2C3D4E5F6",  # noqa: S106 a card, in an example
                id_token_type="ISO14443",  # noqa: S106 as above
                started_at_ms=_MOMENT_MS - 3_600_000,
                ended_at_ms=_MOMENT_MS,
                stopped_reason="EVDisconnected",
                meter_start_wh=1_000.0,
                meter_stop_wh=7_250.0,
                energy_wh=18_250.0,
                energy_quality="estimated",
                energy_notes=["the register was reset; it is counted on from zero"],
                event_count=24,
                gaps=[Transaction.Gap(first_seq_no=7, last_seq_no=7)],
            ),
        )
    ),
}


def example(topic: str, body: str) -> Record:
    """Return a new copy of an example of a body on a topic. Raises KeyError when the topic has no such body."""
    found = _BODIES[body] if body in _BODIES else _BY_TOPIC[topic]
    copy = Record()
    copy.CopyFrom(found)
    return copy
