"""Rules of remote starts (F01, F02), whoever sends them: by any call, or as a remote start."""

from collections.abc import Iterator

from csms_ocpp.rules.charging_profiles import remote_start_profile
from csms_ocpp.rules.finding import Finding, JsonObject

NOBODY = "NoAuthorization"
"""The type of the token that is the absence of one; only its text may be empty."""


def request_start_transaction(payload: JsonObject) -> Iterator[Finding]:
    """F01.FR.04, F02.FR.14: somebody starts, perhaps somewhere; F01.FR.09, F01.FR.11: the profile that comes along."""
    yield from _token(payload["idToken"], "/idToken", "F01.FR.04")
    if payload.get("evseId", 1) < 1:
        yield Finding("/evseId", "numbers begin at 1 (F02.FR.14)")
    if "groupIdToken" in payload:
        yield from _token(payload["groupIdToken"], "/groupIdToken", "C09.FR.02")
    if "chargingProfile" in payload:
        yield from remote_start_profile(payload["chargingProfile"])


def _token(token: JsonObject, pointer: str, requirement: str) -> Iterator[Finding]:
    if not token["idToken"] and token["type"] != NOBODY:
        yield Finding(f"{pointer}/idToken", f"only a token of type {NOBODY} is empty ({requirement})")
