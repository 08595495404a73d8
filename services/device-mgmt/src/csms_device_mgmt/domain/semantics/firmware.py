"""Rules of firmware updates and publications (L01, L03). That requestIds are new is seen in calls.known."""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator

from csms_device_mgmt.domain.device_model import JsonObject
from csms_device_mgmt.domain.semantics.certificates import PEM
from csms_device_mgmt.domain.semantics.finding import Finding

MD5 = re.compile(r"[0-9A-Fa-f]{32}")


def update_firmware(payload: JsonObject) -> Iterator[Finding]:
    """L01.FR.09, L01.FR.11: firmware is signed, and the certificate to check it with comes along."""
    firmware = payload["firmware"]
    if not firmware.get("signingCertificate", "").lstrip().startswith(PEM):
        detail = "the firmware signing certificate is needed, in PEM (L01.FR.11)"
        yield Finding("/firmware/signingCertificate", detail)
    if not _is_base64(firmware.get("signature", "")):
        yield Finding("/firmware/signature", "the firmware's signature is needed, in base64 (L01.FR.09)")


def _is_base64(text: str) -> bool:
    try:
        return bool(b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False


def publish_firmware(payload: JsonObject) -> Iterator[Finding]:
    """L03.FR.02: the checksum is an MD5 sum of the whole file."""
    yield from _checksum(payload, "L03.FR.02")


def unpublish_firmware(payload: JsonObject) -> Iterator[Finding]:
    """L04: what is unpublished is named by the checksum it was published with."""
    yield from _checksum(payload, "L04.FR.01")


def _checksum(payload: JsonObject, requirement: str) -> Iterator[Finding]:
    if not MD5.fullmatch(payload["checksum"]):
        yield Finding("/checksum", f"the checksum is MD5: 32 hexadecimal digits ({requirement})")
