"""Errors in the API's document."""

from typing import Any

from pydantic import BaseModel

from csms_runtime.http.problems import MEDIA_TYPE

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "An error (RFC 9457); some kinds have further members",
    "required": ["type", "title", "status", "instance"],
    "properties": {
        "type": {"type": "string", "description": "The kind of problem"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "Names this occurrence; the log has it"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["in", "pointer", "detail"],
                "properties": {
                    "in": {"type": "string", "enum": ["body", "query", "path", "header"]},
                    "pointer": {
                        "type": "string",
                        "description": "JSON pointer to the field, also to one that is missing or unknown",
                    },
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_PROBLEM: dict[str, Any] = {"$ref": "#/components/schemas/Problem"}


def problem(description: str, members: type[BaseModel] | None = None) -> dict[str, Any]:
    """Return what a route's `responses` say of an error: a problem object.

    `members`: its fields, of plain types, may be members of the problem, those that are known.
    """
    schema = _PROBLEM
    if members is not None:
        schema = {"allOf": [_PROBLEM, {"type": "object", "properties": members.model_json_schema()["properties"]}]}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


ALL: dict[int | str, dict[str, Any]] = {
    "4XX": problem("The request cannot be done as it is"),
    "5XX": problem("The service failed or is unavailable"),
}
"""Of every route."""
