"""GetConfiguration and ChangeConfiguration (OCPP 1.6, 5.3, 5.8) as messages about variables."""

from collections.abc import Iterator, Sequence

from csms_device_mgmt.commands.finding import Finding
from csms_device_mgmt.device_model.variable_key import ACTUAL, JsonObject
from csms_device_mgmt.versions.v16.keys import COMPONENT, MAX_KEYS
from csms_device_mgmt.versions.version import Request, VariableMessage

_KEY, _VALUE = "/variable/name", "/attributeValue"


def inventory(_request_id: int) -> Request:
    """Ask for all keys."""
    return Request("GetConfiguration", {})


def base_report(_request_id: int, base: str) -> Request | None:
    """Ask for all keys, whether all or those that can be set are wanted. There is no summary."""
    return None if base == "SummaryInventory" else inventory(0)


def is_inventory(action: str, payload: JsonObject) -> bool:
    """Whether a command asks for all keys."""
    return action == "GetConfiguration" and not payload.get("key")


def entries(response: JsonObject) -> list[JsonObject]:
    """Return what the answer to GetConfiguration tells as the entries of a NotifyReport."""
    return [
        {
            **_named(told["key"]),
            "variableAttribute": [
                {"mutability": "ReadOnly" if told["readonly"] else "ReadWrite", **_value("value", told)}
            ],
        }
        for told in response.get("configurationKey", [])
    ]


def normal(element: JsonObject) -> JsonObject:
    """Return an element with the component that all keys belong to, whichever it came with."""
    variable = element.get("variable")
    named = _named(variable.get("name") if isinstance(variable, dict) else None)
    return {**named, **{name: element[name] for name in ("attributeValue",) if name in element}}


def unable(element: JsonObject) -> Iterator[Finding]:
    """A key is one text of the whole station: it has no instances, no EVSEs, no other attributes."""
    for part, names in (("component", ("instance", "evse")), ("variable", ("instance",))):
        owner = element.get(part)
        for name in names if isinstance(owner, dict) else ():
            if isinstance(owner, dict) and owner.get(name) is not None:
                yield Finding(f"/{part}/{name}", "a configuration key of OCPP 1.6 is one of the whole station")
    if element.get("attributeType", ACTUAL) != ACTUAL:
        yield Finding("/attributeType", "a configuration key of OCPP 1.6 has an actual value and nothing else")


def _named(key: object) -> dict[str, object]:
    return {"component": {"name": COMPONENT}, "variable": {"name": key}}


def _key(element: JsonObject) -> object:
    return element["variable"]["name"]


def _value(name: str, told: JsonObject) -> dict[str, object]:
    return {name: told["value"]} if "value" in told else {}


def _get(elements: Sequence[JsonObject]) -> Request:
    return Request("GetConfiguration", {"key": [_key(element) for element in elements]})


def _got(_payload: JsonObject, response: JsonObject | None) -> list[JsonObject]:
    told = (response or {}).get("configurationKey", [])
    unknown = (response or {}).get("unknownKey", [])
    known = [{"attributeStatus": "Accepted", **_value("attributeValue", one), **_named(one["key"])} for one in told]
    return [*known, *({"attributeStatus": "UnknownVariable", **_named(key)} for key in unknown)]


def _change(elements: Sequence[JsonObject]) -> Request:
    """There is one: `most` says so."""
    element = elements[0]
    payload = {"key": _key(element)}
    if "attributeValue" in element:
        payload["value"] = element["attributeValue"]
    return Request("ChangeConfiguration", payload)


def _changed(payload: JsonObject, response: JsonObject | None) -> list[JsonObject]:
    if response is None or "key" not in payload:
        return []
    return [{"attributeStatus": response["status"], **_named(payload["key"])}]


def _change_elements(payload: JsonObject) -> list[JsonObject]:
    return [{**_named(payload["key"]), "attributeValue": payload["value"]}] if "key" in payload else []


def _got_pointer(pointer: str, first: int) -> str:
    index = pointer.removeprefix("/key/")
    return f"/{first + int(index)}{_KEY}" if index.isdecimal() else f"/{first}{_KEY}"


GET_CONFIGURATION = VariableMessage(
    "GetConfiguration",
    request=_get,
    elements=lambda payload: [_named(key) for key in payload.get("key", [])],
    results=_got,
    pointer=_got_pointer,
    items=MAX_KEYS,
    normal=normal,
    unable=unable,
)
CHANGE_CONFIGURATION = VariableMessage(
    "ChangeConfiguration",
    request=_change,
    elements=_change_elements,
    results=_changed,
    pointer=lambda pointer, first: f"/{first}{_VALUE if pointer == '/value' else _KEY}",
    items=None,
    is_of_keys=True,
    most=1,
    normal=normal,
    unable=unable,
)
