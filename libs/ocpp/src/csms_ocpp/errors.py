"""CALLERROR codes, their spelling per version, and the exceptions of this library.

Errors:

    OcppError           an answer to a CALL that is a CALLERROR
    └── FrameError      what came in is no readable OCPP-J frame (csms_ocpp.frames)
"""

from enum import StrEnum
from typing import Any

from csms_ocpp.versions import Protocol

MAX_DESCRIPTION = 255
"""Characters in a CALLERROR's errorDescription (OCPP 2.0.1 Part 4, 4.2.3)."""


class ErrorCode(StrEnum):
    """Canonical names: the spelling of OCPP 2.x. `spell` gives the one of a version."""

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


# 1.6 keeps two typing errors on purpose (errata 5.1, 5.2) and lacks the two codes about frames.
_SPELLING_16 = {
    ErrorCode.FORMAT_VIOLATION: "FormationViolation",
    ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
    ErrorCode.RPC_FRAMEWORK_ERROR: "FormationViolation",
    ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "NotSupported",
}
# Both spellings are seen in every version, whatever the documents say.
_ALIASES = {
    "FormationViolation": ErrorCode.FORMAT_VIOLATION,
    "OccurenceConstraintViolation": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
}
_CODES = {code.value: code for code in ErrorCode} | _ALIASES


def spell(code: ErrorCode, protocol: Protocol) -> str:
    """Return the code exactly as this version writes it; for a code 1.6 lacks, its closest one."""
    if protocol is Protocol.OCPP16:
        return _SPELLING_16.get(code, code.value)
    return code.value


def parse_code(text: str) -> ErrorCode | None:
    """Return the code that either spelling names, or None for a code that no version knows."""
    return _CODES.get(text)


class OcppError(Exception):
    """An answer that is a CALLERROR.

    `description` may be of any length: it is cut to 255 characters when it is sent. Neither it nor `details` may hold
    secrets. `details` is for logs; what is sent to a station is always `{}`.
    """

    def __init__(self, code: ErrorCode, description: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code.value}: {description}")
        self.code = code
        self.description = description
        self.details: dict[str, Any] = {} if details is None else details
