"""The official JSON schemas of a version, from the package `ocpp`, compiled once per process when first needed."""

from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
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
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Schemas:
    """The schemas and error codes of one version."""

    def __init__(self, folder: str, *, request_suffix: str, spelling: Mapping[str, str] | None = None) -> None:
        """`folder` is that of the package `ocpp`; `spelling` has the error codes that the version writes otherwise."""
        self._folder = folder
        self._suffixes: dict[Direction, str] = {"Request": request_suffix, "Response": "Response"}
        self._spelling = spelling or {}
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    @property
    def _files(self) -> Traversable:
        return files("ocpp") / self._folder / "schemas"

    @cached_property
    def known_actions(self) -> frozenset[str]:
        """The names of all messages of the version."""
        names = (entry.name for entry in self._files.iterdir())
        return frozenset(name.removesuffix("Response.json") for name in names if name.endswith("Response.json"))

    def spelled(self, code: str) -> str:
        """How the version writes an error code of OCPP 2.0.1."""
        return self._spelling.get(code, code)

    def check(self, action: str, direction: Direction, payload: Json) -> None:
        """Raise SchemaViolation when the payload of a known action does not fit its schema."""
        schema = f"{action}{self._suffixes[direction]}"
        validator = self._validators.get(schema) or self._compile(schema)
        if validator.is_valid(payload):
            return
        error = next(validator.iter_errors(payload))
        code = _CODES.get(str(error.schema_path[-1]), "PropertyConstraintViolation")
        pointer = "/".join(str(part) for part in error.instance_path)
        raise SchemaViolation(code, schema, f"/{pointer}: {error.message}")

    def _compile(self, name: str) -> jsonschema_rs.Validator:
        schema = orjson.loads((self._files / f"{name}.json").read_bytes().removeprefix(_BYTE_ORDER_MARK))
        kind = jsonschema_rs.Draft4Validator if "draft-04" in schema["$schema"] else jsonschema_rs.Draft6Validator
        validator = self._validators[name] = kind(schema, validate_formats=True)
        return validator
