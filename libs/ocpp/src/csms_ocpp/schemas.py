"""Reads the official JSON schemas from the package `ocpp`, and corrects them in memory. The files are never changed.

To read these files is the only I/O of this library. It happens once for each message.
"""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import orjson

from csms_ocpp.times import DATETIME_PATTERN
from csms_ocpp.versions import VERSIONS, Protocol, Version

Schema = dict[str, Any]

_INTEGER_LIMIT = 2**31
_MAX_DATETIME = 64

# Real stations of 2.0.1 need longer texts than the schemas of 2.0.1 (and, for signed meter data, of 2.1) allow.
_FIELD_LENGTHS = {
    "attributeValue": 2500,
    "certificate": 10_000,
    "csr": 11_000,
    "exiRequest": 11_000,
    "exiResponse": 17_000,
    "publicKey": 32_768,
    "signedMeterData": 32_768,
}


def load(protocol: Protocol, action: str, *, response: bool, lenient: bool = False) -> Schema:
    """Return the schema of a request or response with the known defects corrected.

    Integers get the bounds of OCPP's type (Part 2: 32 bit), which the files do not have.
    `lenient` is for what stations send: it also allows unknown fields, longer signed data and any number of decimals.
    Raises FileNotFoundError when the version has no such message.
    """
    version = VERSIONS[protocol]
    name = _name(version, action, response=response)
    schema: Schema = orjson.loads((files("ocpp") / version.schema_folder / "schemas" / f"{name}.json").read_bytes())
    correct = version.schema_corrections.get(name)
    if correct is not None:
        correct(schema)
    for node in _nodes(schema):
        _bound_integer(node)
        if lenient:
            _relax(node)
    return schema


_TOLERATED_CHARACTERS = 255
"""Characters in any text where longer texts are tolerated, or four times as many as its schema allows."""
_TOLERATED_WORD = 32
_WORDS = {"ConnectorStatusEnumType": 16}
"""Characters in a value that its enumeration does not have, where services can keep less than usual."""
_DECIDED = frozenset(
    {
        "AttributeEnumType",
        "CertificateActionEnumType",
        "CertificateSigningUseEnumType",
        "HashAlgorithmEnumType",
        "MutabilityEnumType",
        "TransactionEventEnumType",
    }
)
"""Services decide by these enumerations what a message is: no other value is tolerated."""
_IDENTIFYING = frozenset({"transactionId", "idToken", "idTag", "parentIdTag"})
"""Records are found by these fields: no longer text is tolerated."""


def tolerate(schema: Schema, *, enumerations: bool) -> None:
    """Make a lenient schema take longer texts and, if `enumerations`, values that its enumerations do not have."""
    for node in _nodes(schema):
        for name, field in _properties(node).items():
            if "maxLength" in field and name not in _IDENTIFYING:
                field["maxLength"] = max(4 * field["maxLength"], _TOLERATED_CHARACTERS)
            if enumerations and "enum" in field:  # 1.6 has them in the field itself
                _open(field, _TOLERATED_WORD)
    for name, definition in schema.get("definitions", {}).items():
        if enumerations and "enum" in definition and name not in _DECIDED:
            _open(definition, _WORDS.get(name, _TOLERATED_WORD))


def _open(enumeration: Schema, longest: int) -> None:
    del enumeration["enum"]
    enumeration |= {"minLength": 1, "maxLength": longest}


def read_leniently(schema: Schema) -> None:
    """Make a schema take all forms of times that stations are known to write, and any text for a URL."""
    for node in _nodes(schema):
        match node.get("format"):
            case "date-time":
                del node["format"]
                node["pattern"] = DATETIME_PATTERN
            case "uri":
                del node["format"]


def names(schema: Schema) -> frozenset[str]:
    """Return the names of all fields of a schema, at any depth."""
    return frozenset(name for node in _nodes(schema) for name in _properties(node))


def longest_text(schema: Schema) -> int:
    """Return the greatest length that a schema allows for any text. It is at least that of a date-time."""
    lengths = [node.get("maxLength") for node in _nodes(schema)]
    return max([_MAX_DATETIME, *(length for length in lengths if isinstance(length, int))])


def _properties(node: Schema) -> Schema:
    properties = node.get("properties")
    return properties if isinstance(properties, dict) else {}


def _name(version: Version, action: str, *, response: bool) -> str:
    if response:
        return f"{action}Response"
    known = version.actions.get(action)
    return action if known is not None and known.send_only else action + version.request_suffix


def _nodes(value: object) -> Iterator[Schema]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from _nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child)


def _bound_integer(node: Schema) -> None:
    # No database column holds more. Without this bound one number could stop a service.
    if node.get("type") == "integer":
        node.setdefault("minimum", -_INTEGER_LIMIT)
        node.setdefault("maximum", _INTEGER_LIMIT - 1)


def _relax(node: Schema) -> None:
    if node.get("additionalProperties") is False:
        del node["additionalProperties"]
    if isinstance(node.get("multipleOf"), float):
        del node["multipleOf"]
    for name, field in _properties(node).items():
        if "maxLength" in field and name in _FIELD_LENGTHS:
            field["maxLength"] = max(field["maxLength"], _FIELD_LENGTHS[name])
