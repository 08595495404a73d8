"""Reads values as the type that their schema wants, where a station wrote them as another one and it is plain."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from csms_ocpp.times import parse_datetime

Schema = Mapping[str, Any]

_INTEGER = re.compile(r"([+-]?[0-9]{1,18})(?:\.0{1,18})?", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_TIME = "timestamp"


def coerced(schema: Schema, value: object) -> object:
    """Return a payload with values as its schema has them, the same object if they are; the payload is not changed.

    Read so are numbers and booleans that were written as texts, texts that were written as numbers, and integers that
    were written with decimals which are 0. What cannot be read stays as it is, for the schema to refuse.
    """
    return _coerced(schema, value, schema.get("definitions", {}))


def timed(schema: Schema, value: object, received_at: str) -> object:
    """Return a payload with `received_at` in place of each timestamp that is needed and missing, or cannot be read.

    The same object if there is none. For OCPP 1.6, whose schemas have no definitions.
    """
    if isinstance(value, list):
        entries = [timed(schema.get("items", {}), item, received_at) for item in value]
        return value if all(new is old for new, old in zip(entries, value, strict=True)) else entries
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    read = {name: timed(properties.get(name, {}), item, received_at) for name, item in value.items()}
    if (_TIME in properties and _is_no_time(value[_TIME])) if _TIME in value else _TIME in schema.get("required", ()):
        return {**read, _TIME: received_at}
    return value if all(read[name] is item for name, item in value.items()) else read


def _is_no_time(value: object) -> bool:
    try:
        parse_datetime(str(value))
    except ValueError:
        return True
    return False


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
    return int(value) if wanted == "integer" and isinstance(value, float) and value.is_integer() else value


def _of_text(wanted: object, text: str) -> object:
    plain = text.strip()
    if wanted == "integer" and (integer := _INTEGER.fullmatch(plain)):
        return int(integer[1])
    if wanted == "number" and _NUMBER.fullmatch(plain):
        return float(plain)
    return _BOOLEANS.get(plain.lower(), text) if wanted == "boolean" else text
