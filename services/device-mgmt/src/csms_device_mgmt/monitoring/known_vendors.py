"""What stations of OCPP 1.6 send by DataTransfer that the Open Charge Alliance has written down: named, and no more."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class _Extension(NamedTuple):
    title: str
    messages: frozenset[str]
    """Those that a station sends."""


_EXTENSIONS: Mapping[str, _Extension] = {
    "org.openchargealliance.iso15118pnc": _Extension(
        "ISO 15118 Plug and Charge",
        frozenset({"Authorize", "Get15118EVCertificate", "GetCertificateStatus", "SignCertificate"}),
    ),
    "org.openchargealliance.costmsg": _Extension("California pricing", frozenset({"ConnectorUnplugged"})),
}
"""By vendorId, in lower case."""


def is_known(vendor_id: str) -> bool:
    """Whether it is the vendorId of such an extension, in any case."""
    return vendor_id.casefold() in _EXTENSIONS


def knows_message(vendor_id: str, message_id: str) -> bool:
    """Whether the extension of a known vendorId has a message that a station sends."""
    return message_id in _EXTENSIONS[vendor_id.casefold()].messages


def meaning(action: str, payload: Mapping[str, Any]) -> str | None:
    """Return what a recorded message is about, for people; None: its action says it."""
    vendor_id = payload.get("vendorId") if action == "DataTransfer" else None
    found = _EXTENSIONS.get(vendor_id.casefold()) if isinstance(vendor_id, str) else None
    if found is None:
        return None
    message_id = payload.get("messageId")
    return f"{found.title}: {message_id}" if isinstance(message_id, str) else found.title
