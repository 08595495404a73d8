"""idTags of OCPP 1.6: their length, and how their statuses are named."""

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
