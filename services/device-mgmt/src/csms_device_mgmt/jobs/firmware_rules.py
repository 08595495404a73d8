"""Rules of firmware updates (L01, L02). That requestIds are new is seen in commands.conflicts."""

import binascii
from base64 import b64decode
from collections.abc import Iterator

from csms_device_mgmt.commands.finding import Finding
from csms_device_mgmt.device_model.variable_key import JsonObject


def update_firmware(payload: JsonObject) -> Iterator[Finding]:
    """L01.FR.09, L01.FR.11, L02: firmware comes with a certificate and a signature to check it, or with neither.

    Whether the certificate is a good one is for the station to say (InvalidCertificate, RevokedCertificate), and
    whether it takes firmware that is not signed.
    """
    firmware = payload["firmware"]
    if "signingCertificate" not in firmware and "signature" not in firmware:
        return
    if not firmware.get("signingCertificate"):
        yield Finding("/firmware/signingCertificate", "a signature needs the firmware signing certificate (L01.FR.11)")
    if not is_base64(firmware.get("signature", "")):
        yield Finding("/firmware/signature", "a certificate needs the firmware's signature, in base64 (L01.FR.09)")


def is_base64(text: str) -> bool:
    """Whether it is something in base64."""
    try:
        return bool(b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False
