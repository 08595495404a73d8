"""Reads values as the type that their schema wants, where a station wrote them as another one and it is plain."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

Schema = Mapping[str, Any]

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}


def coerced(schema: Schema, value: object) -> object:
    """Return a payload with values as its schema has them, the same object if they are; the payload is not changed.

    Read so are numbers and booleans that were written as texts, and texts that were written as numbers. What cannot be
    read stays as it is, for the schema to refuse.
    """
    return _coerced(schema, value, schema.get("definitions", {}))


def _coerced(schema: Schema, value: object, definitions: Mapping[str, Schema]) -> object:
    if not schema:  # any value may stand here, however deep
        return value
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if isinstance(value, dict):
        return _fields(schema.get("properties", {}), value, definitions)
    if isinstance(value, list):
        return _items(schema.get("items", {}), value, definitions)
    return _scalar(schema.get("type"), value)


def _fields(
    properties: Mapping[str, Schema], value: dict[str, object], definitions: Mapping[str, Schema]
) -> dict[str, object]:
    read = {name: _coerced(properties.get(name, {}), item, definitions) for name, item in value.items()}
    return value if all(read[name] is item for name, item in value.items()) else read


def _items(schema: Schema, value: list[object], definitions: Mapping[str, Schema]) -> list[object]:
    read = [_coerced(schema, item, definitions) for item in value]
    return value if all(new is old for new, old in zip(read, value, strict=True)) else read


def _scalar(wanted: object, value: object) -> object:
    if isinstance(value, str):
        return _of_text(wanted, value)
    if wanted == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return orjson.dumps(value).decode()
    return value


def _of_text(wanted: object, text: str) -> object:
    plain = text.strip()
    if wanted == "integer" and _INTEGER.fullmatch(plain):
        return int(plain)
    if wanted == "number" and _NUMBER.fullmatch(plain):
        return float(plain)
    return _BOOLEANS.get(plain.lower(), text) if wanted == "boolean" else text
