"""Rules of firmware updates (L01). That requestIds are new is seen in calls.known."""

import binascii
from base64 import b64decode
from collections.abc import Iterator

from csms_device_mgmt.domain.device_model import JsonObject
from csms_device_mgmt.domain.semantics.finding import Finding


def update_firmware(payload: JsonObject) -> Iterator[Finding]:
    """L01.FR.09, L01.FR.11: firmware is signed, and the certificate to check it with comes along.

    Whether the certificate is a good one is for the station to say (InvalidCertificate, RevokedCertificate).
    """
    firmware = payload["firmware"]
    if not firmware.get("signingCertificate"):
        yield Finding("/firmware/signingCertificate", "the firmware signing certificate is needed (L01.FR.11)")
    if not _is_base64(firmware.get("signature", "")):
        yield Finding("/firmware/signature", "the firmware's signature is needed, in base64 (L01.FR.09)")


def _is_base64(text: str) -> bool:
    try:
        return bool(b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False
