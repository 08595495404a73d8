"""Rules of the list of tokens that a station keeps (D01)."""

from collections.abc import Iterator

from csms_device_mgmt.commands.finding import Finding
from csms_device_mgmt.device_model.variable_key import JsonObject


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
