"""The document of the whole API, as programs that make clients of it need it."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


async def test_operations_have_short_names_of_their_own(document: dict[str, Any]) -> None:
    names = Counter(operation["operationId"] for _, _, operation in operations(document))
    assert [name for name, times in names.items() if times > 1 or not re.fullmatch("[a-z]+(_[a-z]+)+", name)] == []
    assert {"list_stations", "put_id_token", "send_call", "get_transaction"} <= names.keys()


ENUMERATED = {
    ("CallModel", "outcome"): {"result", "error", "timeout", "unknown", "not_connected"},
    ("CallItem", "outcome"): {"result", "error", "timeout", "unknown", "not_connected"},
    ("CallRecordModel", "state"): {"open", "completed"},
    ("JobModel", "state"): {"requested", "not_sent", "completed", "canceled"},
    ("ReportSummaryModel", "status"): {"requested", "complete", "not_supported"},
    ("StationModel", "onboarding"): {"none", "inventory"},
    ("StationModel", "registration"): {"Accepted", "Pending", "Rejected"},
    ("StationModel", "protocol"): {"ocpp2.0.1"},
    ("TransactionItem", "state"): {"Active", "Ended"},
    ("AuthorizationItem", "status"): {"Accepted", "Blocked", "ConcurrentTx"},
    ("TokenItem", "status"): {"Accepted", "Blocked"},
    ("AuditItem", "authentication"): {"api-key", "jwt"},
}


def values(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    """The values an enumeration has; empty: it is none."""
    if "$ref" in schema:
        return values(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return set(schema.get("enum", ())).union(*(values(document, part) for part in schema.get("anyOf", ())))


async def test_our_own_words_are_enumerations(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for (model, field), some in ENUMERATED.items():
        assert values(document, schemas[model]["properties"][field]) >= some, (model, field)


async def test_models_have_names_that_can_be_read(document: dict[str, Any]) -> None:
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


SENDING = {
    "send_call",
    "get_variables",
    "set_variables",
    "set_password",
    "request_report",
    "request_log",
    "request_firmware_update",
    "request_monitoring_report",
    "remote_start",
    "remote_stop",
}
ALSO_409 = {"put_station", "change_security_profile", "close_transaction", "replay_dead_letter"}


async def test_what_is_not_sent_or_not_answered_is_documented_with_its_body(document: dict[str, Any]) -> None:
    found = {operation["operationId"]: operation["responses"] for _, _, operation in operations(document)}
    for name in SENDING:
        for status in ("409", "504"):
            schema = found[name][status]["content"]["application/problem+json"]["schema"]
            assert schema["allOf"][0] == {"$ref": "#/components/schemas/Problem"}, name
            assert {"call_id", "outcome", "sent_at"} <= schema["allOf"][1]["properties"].keys(), name
    for name in ALSO_409:
        assert "application/problem+json" in found[name]["409"]["content"], name


async def test_every_post_takes_an_idempotency_key(document: dict[str, Any]) -> None:
    without = [
        operation["operationId"]
        for method, _, operation in operations(document)
        if (method == "post") != ("idempotency-key" in {each["name"] for each in operation.get("parameters", ())})
    ]
    assert without == []


async def test_what_keeps_its_value_when_it_is_left_out_has_no_default(document: dict[str, Any]) -> None:
    """A PUT that does not keep what is left out says that it replaces."""
    schemas = document["components"]["schemas"]
    defaults = [
        f"{path}: {name}"
        for method, path, operation in operations(document)
        if method == "put" and " replace " not in f" {operation['description']} ".replace("(", " ")
        for content in operation.get("requestBody", {}).get("content", {}).values()
        for name, field in schemas[content["schema"]["$ref"].rpartition("/")[2]]["properties"].items()
        if "default" in field
    ]
    assert defaults == []


async def test_every_model_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    """Of two models of one name the document makes names with modules in them, of which no client can be made."""
    assert [name for name in document["components"]["schemas"] if "__" in name] == []
