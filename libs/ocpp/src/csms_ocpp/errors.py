"""CALLERROR codes and the exceptions of this library.

Errors:

    OcppError           an answer to a CALL that is a CALLERROR
    └── FrameError      what came in is no readable OCPP-J frame (csms_ocpp.parsing)
"""

from enum import StrEnum
from typing import Any

MAX_DESCRIPTION = 255
"""Characters in a CALLERROR's errorDescription (OCPP 2.0.1 Part 4, 4.2.3)."""


class ErrorCode(StrEnum):
    """The codes by the names that OCPP 2.x gives them. `Version.spelling` has those that a version writes."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


# Both spellings are seen in every version, whatever the documents say.
_ALIASES = {
    "FormationViolation": ErrorCode.FORMAT_VIOLATION,
    "OccurenceConstraintViolation": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
}
_CODES = {code.value: code for code in ErrorCode} | _ALIASES


def parse_code(text: str) -> ErrorCode | None:
    """Return the code that either spelling names, or None for a code that no version knows."""
    return _CODES.get(text)


class OcppError(Exception):
    """An answer that is a CALLERROR.

    `description` may be of any length: it is cut to 255 characters when it is sent. Neither it nor `details` may hold
    secrets. `details` is for logs only: a station always gets `{}`.
    """

    def __init__(self, code: ErrorCode, description: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code.value}: {description}")
        self.code = code
        self.description = description
        self.details: dict[str, Any] = {} if details is None else details
