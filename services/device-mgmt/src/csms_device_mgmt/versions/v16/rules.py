"""Rules about requests of the CSMS in OCPP 1.6 that JSON schemas cannot express. The payload is valid by its schema.

Sections are those of OCPP 1.6 edition 2; requirement ids are those of the security whitepaper.
"""

import re
from collections.abc import Iterator

from csms_ocpp.rules.charging_profiles_16 import clear_charging_profile, remote_start_profile, set_charging_profile
from csms_ocpp.rules.periods import is_reversed

from csms_device_mgmt.certificates.certificate_rules import install_certificate
from csms_device_mgmt.commands.finding import Finding, Rule
from csms_device_mgmt.commands.place_rules import numbered
from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.jobs.firmware_rules import is_base64
from csms_device_mgmt.jobs.log_rules import get_log
from csms_device_mgmt.versions.v16.keys import AUTHORIZATION_KEY, SECURITY_PROFILE, same_key

_KEY_BYTES = range(16, 21)
_KEY_DIGITS = re.compile(r"(?:[0-9A-Fa-f]{2}){16,20}")
"""An AuthorizationKey is 16 to 20 bytes, as text or in hexadecimal digits."""
_PROFILES = {"1", "2", "3"}


def whole_or_connector(payload: JsonObject) -> Iterator[Finding]:
    """Connector 0 is the station, or any of its connectors (5.2, 5.7, 5.13)."""
    if payload["connectorId"] < 0:
        yield Finding("/connectorId", "it must be at least 0")


def change_configuration(payload: JsonObject) -> Iterator[Finding]:
    """A key has a name; the keys of the security whitepaper have values that it allows (7.2, 7.6)."""
    key, value = payload["key"], payload["value"]
    if not key.strip():
        yield Finding("/key", "the name of a configuration key is needed (6.9)")
    if same_key(key, AUTHORIZATION_KEY) and not _is_key(value):
        detail = "an AuthorizationKey is 16 to 20 bytes, as hexadecimal digits or as text (security whitepaper 7.2)"
        yield Finding("/value", detail)
    if same_key(key, SECURITY_PROFILE) and value not in _PROFILES:
        yield Finding("/value", "a security profile is 1, 2 or 3 (security whitepaper 7.6)")


def _is_key(value: str) -> bool:
    return len(value.encode()) in _KEY_BYTES or _KEY_DIGITS.fullmatch(value) is not None


def remote_start_transaction(payload: JsonObject) -> Iterator[Finding]:
    """5.11: somebody starts, perhaps somewhere, perhaps with a profile."""
    if not payload["idTag"]:
        yield Finding("/idTag", "the identifier to start with is needed (6.33)")
    yield from numbered(payload, "connectorId", "6.33")
    if "chargingProfile" in payload:
        yield from remote_start_profile(payload["chargingProfile"])


def reserve_now(payload: JsonObject) -> Iterator[Finding]:
    """5.13: connector 0 is any; it is for somebody."""
    yield from whole_or_connector(payload)
    if not payload["idTag"]:
        yield Finding("/idTag", "the identifier that it is for is needed (6.37)")


def get_composite_schedule(payload: JsonObject) -> Iterator[Finding]:
    """5.7: of a time that passes."""
    yield from whole_or_connector(payload)
    if payload["duration"] <= 0:
        yield Finding("/duration", "it must be above 0 (6.21)")


def trigger_message(payload: JsonObject) -> Iterator[Finding]:
    """5.17: connector 0 is only asked for its status and its meter values (the main meter)."""
    if payload["requestedMessage"] in {"StatusNotification", "MeterValues"}:
        if payload.get("connectorId", 0) < 0:
            yield Finding("/connectorId", "it must be at least 0 (5.17)")
    else:
        yield from numbered(payload, "connectorId", "6.51")


def unlock_connector(payload: JsonObject) -> Iterator[Finding]:
    """6.53: one connector is unlocked."""
    yield from numbered(payload, "connectorId", "6.53")


def send_local_list(payload: JsonObject) -> Iterator[Finding]:
    """5.15, 6.41: tokens are unique, only updates remove some, 0 and -1 are the versions of no list."""
    if payload["listVersion"] <= 0:
        yield Finding("/listVersion", "it must be above 0: 0 is an empty list, -1 none (5.10)")
    seen: set[str] = set()
    for index, entry in enumerate(payload.get("localAuthorizationList", [])):
        where, id_tag = f"/localAuthorizationList/{index}", entry["idTag"].casefold()
        if not id_tag:
            yield Finding(f"{where}/idTag", "an identifier is needed (7.1)")
        if id_tag in seen:
            yield Finding(f"{where}/idTag", "the identifier occurs before (5.15)")
        seen.add(id_tag)
        if payload["updateType"] == "Full" and "idTagInfo" not in entry:
            yield Finding(f"{where}/idTagInfo", "one without it is to be removed, in a Differential update (7.1)")


def get_diagnostics(payload: JsonObject) -> Iterator[Finding]:
    """5.9: a period that begins after its end holds nothing."""
    if is_reversed(payload, "startTime", "stopTime"):
        yield Finding("/startTime", "it comes after stopTime (6.25)")


def signed_update_firmware(payload: JsonObject) -> Iterator[Finding]:
    """L01.FR.11 of the whitepaper: the certificate and the signature are there."""
    firmware = payload["firmware"]
    if not firmware["signingCertificate"]:
        yield Finding("/firmware/signingCertificate", "the firmware signing certificate is needed (L01.FR.11)")
    if not is_base64(firmware["signature"]):
        yield Finding("/firmware/signature", "the firmware's signature is needed, in base64 (L01.FR.09)")


RULES: dict[str, Rule] = {
    "ChangeAvailability": whole_or_connector,
    "ChangeConfiguration": change_configuration,
    "ClearChargingProfile": clear_charging_profile,
    "ExtendedTriggerMessage": trigger_message,
    "GetCompositeSchedule": get_composite_schedule,
    "GetDiagnostics": get_diagnostics,
    "GetLog": get_log,
    "InstallCertificate": install_certificate,
    "RemoteStartTransaction": remote_start_transaction,
    "ReserveNow": reserve_now,
    "SendLocalList": send_local_list,
    "SetChargingProfile": set_charging_profile,
    "SignedUpdateFirmware": signed_update_firmware,
    "TriggerMessage": trigger_message,
    "UnlockConnector": unlock_connector,
}
