"""The official JSON schemas of every protocol version, from the package `ocpp`; not the product's own validation."""

from functools import cache
from importlib.resources import files
from typing import Any, Literal

import jsonschema_rs
import orjson

FOLDERS = {"ocpp1.6": "v16", "ocpp2.0.1": "v201", "ocpp2.1": "v21"}

Direction = Literal["Request", "Response", ""]
"""Empty: a SEND of OCPP 2.1."""


class SchemaError(AssertionError):
    """A payload does not fit its schema, or its action is unknown."""


@cache
def _validator(protocol: str, action: str, direction: Direction) -> Any:  # noqa: ANN401 a class per draft
    ending = "" if protocol == "ocpp1.6" and direction == "Request" else direction
    path = files("ocpp") / FOLDERS[protocol] / "schemas" / f"{action}{ending}.json"
    if not path.is_file():
        raise SchemaError(f"{protocol} has no {action}{direction}")
    schema = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def check(protocol: str, action: str, direction: Direction, payload: object) -> None:
    """Raise SchemaError when a payload does not fit the schema of its message."""
    error = next(_validator(protocol, action, direction).iter_errors(payload), None)
    if error is not None:
        pointer = "/".join(str(part) for part in error.instance_path)
        raise SchemaError(f"{action}{direction} /{pointer}: {error.message}")
