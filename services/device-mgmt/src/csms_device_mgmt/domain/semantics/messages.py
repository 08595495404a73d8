"""Rules of single messages."""

from collections.abc import Iterator

from csms_device_mgmt.domain.device_model import JsonObject
from csms_device_mgmt.domain.matching import first_duplicate
from csms_device_mgmt.domain.semantics.finding import Finding


def set_variables(payload: JsonObject) -> Iterator[Finding]:
    """B05.FR.13: no two elements for the same component, variable and attribute type."""
    index = first_duplicate(payload["setVariableData"])
    if index is not None:
        detail = "the same component, variable and attributeType occur before (B05.FR.13)"
        yield Finding(f"/setVariableData/{index}", detail)


def customer_information(payload: JsonObject) -> Iterator[Finding]:
    """N09.FR.04, N10.FR.08: one customer reference, and something to do about it."""
    references = [name for name in ("idToken", "customerCertificate", "customerIdentifier") if name in payload]
    if len(references) != 1:
        yield Finding("", "exactly one of idToken, customerCertificate, customerIdentifier is needed (N09.FR.04)")
    if not payload["report"] and not payload["clear"]:
        yield Finding("/report", "report and clear cannot both be false (N09.FR.07)")


def send_local_list(payload: JsonObject) -> Iterator[Finding]:
    """D01.FR.06, D01.FR.17, D01.FR.18: tokens are unique, only updates remove some, the version is above 0."""
    if payload["versionNumber"] <= 0:
        yield Finding("/versionNumber", "the version must be above 0 (D01.FR.18)")
    seen: set[tuple[str, str]] = set()
    for index, entry in enumerate(payload.get("localAuthorizationList", [])):
        token = (entry["idToken"]["idToken"].casefold(), entry["idToken"]["type"])
        if token in seen:
            yield Finding(f"/localAuthorizationList/{index}/idToken", "the token occurs before (D01.FR.06)")
        seen.add(token)
        if payload["updateType"] == "Full" and "idTokenInfo" not in entry:
            detail = "a token without idTokenInfo is one to be removed, in a Differential update (D01.FR.17)"
            yield Finding(f"/localAuthorizationList/{index}/idTokenInfo", detail)
