"""The official OCPP 2.0.1 JSON schemas, from the package `ocpp`, compiled once per process when first needed."""

from functools import cache
from importlib.resources import files
from typing import Literal

import jsonschema_rs
import orjson

from csms_testing.simulator.errors import SchemaViolation
from csms_testing.simulator.frames import Json

Direction = Literal["Request", "Response"]

# OCPP-J 2.0.1, table of CALLERROR codes; what is not listed concerns a value and is a PropertyConstraintViolation.
_CODES = {
    "required": "OccurrenceConstraintViolation",
    "minItems": "OccurrenceConstraintViolation",
    "maxItems": "OccurrenceConstraintViolation",
    "type": "TypeConstraintViolation",
    "additionalProperties": "FormatViolation",
}


@cache
def known_actions() -> frozenset[str]:
    """The names of all 64 messages of OCPP 2.0.1."""
    names = (entry.name for entry in (files("ocpp") / "v201" / "schemas").iterdir())
    return frozenset(name.removesuffix("Request.json") for name in names if name.endswith("Request.json"))


@cache
def _validator(schema: str) -> jsonschema_rs.Draft6Validator:
    text = (files("ocpp") / "v201" / "schemas" / f"{schema}.json").read_bytes()
    return jsonschema_rs.Draft6Validator(orjson.loads(text.removeprefix(b"\xef\xbb\xbf")), validate_formats=True)


def check(action: str, direction: Direction, payload: Json) -> None:
    """Raise SchemaViolation when the payload of a known action does not fit its schema."""
    schema = f"{action}{direction}"
    validator = _validator(schema)
    if validator.is_valid(payload):
        return
    error = next(validator.iter_errors(payload))
    code = _CODES.get(str(error.schema_path[-1]), "PropertyConstraintViolation")
    pointer = "/".join(str(part) for part in error.instance_path)
    raise SchemaViolation(code, schema, f"/{pointer}: {error.message}")
