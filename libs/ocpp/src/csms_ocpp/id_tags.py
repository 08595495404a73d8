"""idTags of OCPP 1.6: their length, how their statuses are named, and what is told of one."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from csms_ocpp.times import format_datetime

MAX_ID_TAG = 20
"""Characters (CiString20)."""
_STATUSES = {
    "Accepted": "Accepted",
    "Blocked": "Blocked",
    "ConcurrentTx": "ConcurrentTx",
    "Expired": "Expired",
    "Invalid": "Invalid",
    "Unknown": "Invalid",
}


def tag_status(status: str) -> str:
    """Return OCPP 1.6's AuthorizationStatus for one of 2.0.1.

    1.6 has five. Invalid is an idTag that is not known. One that is known, and may not charge here or now, is Blocked.
    """
    return _STATUSES.get(status, "Blocked")


def id_tag_info(status: str, ends: Iterable[datetime], group: str | None) -> dict[str, Any]:
    """Return an IdTagInfo, from a status of OCPP 2.0.1. Of several ends the earliest counts.

    A group's id that is no idTag, since it is too long, is left out.
    """
    told: dict[str, Any] = {"status": tag_status(status)}
    if (end := min(ends, default=None)) is not None:
        told["expiryDate"] = format_datetime(end)
    if group and len(group) <= MAX_ID_TAG:
        told["parentIdTag"] = group
    return told
