import pytest
from csms_ocpp.errors import ErrorCode, OcppError, parse_code
from csms_ocpp.versions import VERSIONS, Protocol

CODES_16 = {
    "NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", "FormationViolation",
    "PropertyConstraintViolation", "OccurenceConstraintViolation", "TypeConstraintViolation", "GenericError",
}  # fmt: skip
CODES_2X = {
    "NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", "FormatViolation",
    "PropertyConstraintViolation", "OccurrenceConstraintViolation", "TypeConstraintViolation", "GenericError",
    "MessageTypeNotSupported", "RpcFrameworkError",
}  # fmt: skip


def test_each_version_has_exactly_its_own_codes() -> None:
    assert all(version.spelling.keys() == set(ErrorCode) for version in VERSIONS.values())
    assert set(VERSIONS[Protocol.OCPP16].spelling.values()) == CODES_16
    assert set(VERSIONS[Protocol.OCPP201].spelling.values()) == CODES_2X
    assert set(VERSIONS[Protocol.OCPP21].spelling.values()) == CODES_2X


@pytest.mark.parametrize(
    ("code", "spelled"),
    [
        (ErrorCode.FORMAT_VIOLATION, "FormationViolation"),
        (ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "OccurenceConstraintViolation"),
        (ErrorCode.RPC_FRAMEWORK_ERROR, "FormationViolation"),
    ],
)
def test_16_keeps_its_spelling(code: ErrorCode, spelled: str) -> None:
    assert VERSIONS[Protocol.OCPP16].spelling[code] == spelled


def test_either_spelling_is_read() -> None:
    assert parse_code("OccurenceConstraintViolation") is ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION
    assert parse_code("OccurrenceConstraintViolation") is ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION
    assert parse_code("FormationViolation") is ErrorCode.FORMAT_VIOLATION
    assert parse_code("FormatViolation") is ErrorCode.FORMAT_VIOLATION
    assert parse_code("Nonsense") is None


def test_errors_do_not_share_details() -> None:
    OcppError(ErrorCode.GENERIC_ERROR).details["a"] = 1
    assert OcppError(ErrorCode.GENERIC_ERROR).details == {}
