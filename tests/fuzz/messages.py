"""Messages made by their schemas, and changed a little: what a mutator of bytes would never find."""

import random
from typing import Any

import orjson
from csms_ocpp.actions import ACTIONS
from csms_ocpp.schemas import load
from csms_ocpp.versions import Protocol

_TIMES = ("2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:60.999999999Z", "2026-02-30T24:00Z")
_TEXTS = ("", "a", "Ää€😀", "\u202e", "\\u0000", "\x00", "null", "x" * 40, "x" * 300, *_TIMES)
_NUMBERS = (0, 1, -1, 1.0, 0.1, 2**31 - 1, 2**31, -(2**31), 2**53, 2**63, 1e308, -0.0, 1e-320, 12345678901234567890)
_ODD = (None, True, False, [], {}, [[]], {"": {}}, *_TEXTS, *_NUMBERS)
_MAX_DEPTH = 6


def request(rng: random.Random, protocol: Protocol, action: str) -> Any:
    """A request that is, mostly, valid."""
    schema = load(protocol, action, response=False)
    return _value(rng, schema, schema.get("definitions", {}), 0)


def call(rng: random.Random, protocol: Protocol) -> bytes:
    """A CALL, or a SEND, of a station."""
    action = rng.choice([name for name, known in sorted(ACTIONS[protocol].items()) if known.from_station])
    kind = 6 if ACTIONS[protocol][action].send_only else 2
    return orjson.dumps([kind, str(rng.randrange(100)), action, request(rng, protocol, action)])


def changed(rng: random.Random, value: Any) -> Any:
    """The value with one thing changed, somewhere in it."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        name = rng.choice(list(value))
        match rng.randrange(8):
            case 0:
                return {key: item for key, item in value.items() if key != name}
            case 1:
                return value | {rng.choice(("customData", "x", "", "id")): rng.choice(_ODD)}
            case _:
                return value | {name: changed(rng, value[name])}
    if isinstance(value, list) and value and rng.random() < 0.85:
        place = rng.randrange(len(value))
        match rng.randrange(8):
            case 0:
                return value[:place] + value[place + 1 :]
            case 1:
                return [*value, value[place]] if len(value) < 50 else value[:2]
            case _:
                return [*value[:place], changed(rng, value[place]), *value[place + 1 :]]
    return rng.choice(_ODD)


def _value(rng: random.Random, schema: dict[str, Any], definitions: dict[str, Any], depth: int) -> Any:
    if "$ref" in schema:
        return _value(rng, definitions[schema["$ref"].rpartition("/")[2]], definitions, depth + 1)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            return _object(rng, schema, definitions, depth)
        case "array":
            count = rng.randint(schema.get("minItems", 0), min(schema.get("maxItems", 3), 3)) if depth else 1
            return [_value(rng, schema["items"], definitions, depth + 1) for _ in range(max(count, 1))]
        case "string":
            if schema.get("format") == "date-time":
                return rng.choice(_TIMES)
            return rng.choice(_TEXTS)[: schema.get("maxLength", 50)]
        case "boolean":
            return rng.random() < 0.5
        case "integer":
            return rng.choice((0, 1, 2, -1, 2**31 - 1))
        case "number":
            return rng.choice((0, 1, 0.1, -1.5, 1e308))
    return rng.choice(_ODD)


def _object(rng: random.Random, schema: dict[str, Any], definitions: dict[str, Any], depth: int) -> dict[str, Any]:
    required = schema.get("required", ())
    return {
        name: _value(rng, inner, definitions, depth + 1)
        for name, inner in schema.get("properties", {}).items()
        if name in required or (depth < _MAX_DEPTH and rng.random() < 0.3)
    }
