"""The catalogue of domain events is complete, their JSON form is as described, and what breaks it is found."""

import copy
from typing import Any

import jsonschema_rs
import pytest
from csms.v1.events_pb2 import DomainEvent, StationNotified, TransactionEnded
from csms_bus.events import CATALOGUE, EventType, as_json, by_name
from csms_bus.events.asyncapi import document
from csms_bus.events.breaking import breaks
from csms_bus.events.json_form import data_of

KINDS = [event_type.name for event_type in CATALOGUE]
TOPIC = {event_type.name: event_type.topics[0].name for event_type in CATALOGUE}


def schema_of(name: str) -> dict[str, Any]:
    made = document()
    return {"$ref": f"#/components/schemas/{name}", "components": made["components"]}


def test_every_event_of_the_contract_is_in_the_catalogue_once() -> None:
    fields = DomainEvent.DESCRIPTOR.oneofs_by_name["event"].fields
    assert sorted(KINDS) == sorted(field.name for field in fields)


@pytest.mark.parametrize("event_type", CATALOGUE, ids=KINDS)
def test_an_event_is_what_the_document_says(event_type: EventType) -> None:
    told = as_json(event_type.example, TOPIC[event_type.name])
    assert told is not None
    empty = DomainEvent(event_id="1")
    getattr(empty, event_type.name).SetInParent()
    if event_type.name != "station_notified":  # says what was sent, or that it is too much
        assert as_json(empty, TOPIC[event_type.name])
    validator = jsonschema_rs.validator_for(schema_of(event_type.name))
    validator.validate(told)


def test_a_finished_transaction_is_told_whole_under_the_names_of_the_api() -> None:
    told = as_json(by_name("transaction_ended").example, "events.transactions")  # type: ignore[union-attr]
    assert told is not None
    assert (told["specversion"], told["type"], told["source"]) == ("1.0", "transaction_ended", "/csms/transactions")
    assert (told["subject"], told["time"]) == ("CS-0001", "2026-01-01T00:00:00.000Z")
    transaction = told["data"]["transaction"]
    assert transaction["started_at"] == "2025-12-31T23:00:00.000Z"
    assert (transaction["meter_start"], transaction["energy_wh"]) == (1000.0, 18250.0)
    assert transaction["gaps"] == [{"first": 7, "last": 7}]
    assert transaction["remote_start_id"] is None
    assert transaction["closed_at"] is None
    assert transaction["details"] is None


def test_what_is_not_known_is_null_and_zero_stays_where_it_says_something() -> None:
    data = data_of(DomainEvent(transaction_ended=TransactionEnded()).transaction_ended)
    assert data["energy_wh"] is None
    assert data["stopped_reason"] is None
    assert data_of(TransactionEnded(energy_wh=0.0))["energy_wh"] == 0.0
    notified = data_of(StationNotified(action="NotifyEvent", payload_omitted=True))
    assert notified == {"action": "NotifyEvent", "payload": None, "payload_omitted": True}


def test_an_event_of_a_newer_version_is_passed_over() -> None:
    assert as_json(DomainEvent(event_id="1"), "events.devices") is None


class TestBreaking:
    def test_additions_break_nothing(self) -> None:
        present = document()
        present["components"]["schemas"]["Transaction"]["properties"]["new"] = {"type": "string"}
        present["components"]["schemas"]["new_event"] = {"type": "object"}
        assert breaks(document(), present) == []

    def test_what_readers_would_miss_is_found(self) -> None:
        before, after = document(), copy.deepcopy(document())
        schemas = after["components"]["schemas"]
        del schemas["Transaction"]["properties"]["energy_wh"]
        schemas["TransactionEnded"]["properties"]["transaction_id"] = {"type": ["string", "null"]}
        schemas["StationBooted"]["required"].remove("model")
        schemas["Gap"]["properties"]["first"] = {"type": "string"}
        del after["channels"]["events.auth"]["messages"]["password_changed"]
        del schemas["PasswordChanged"]
        assert breaks(before, after) == [
            "events.auth: password_changed is gone",
            "Gap.first: may now be string",
            "PasswordChanged is gone",
            "StationBooted.model may now be absent",
            "Transaction.energy_wh is gone",
            "TransactionEnded.transaction_id: may now be null",
        ]
