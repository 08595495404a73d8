"""Keeping secret tokens out of what people see."""

from typing import Any

from csms_transactions.domain.events import MASK

_SECRET_TYPE = "KeyCode"  # noqa: S105 the name of a kind of token


def masked(value: Any) -> Any:  # noqa: ANN401 any JSON
    """A copy of an OCPP payload in which every KeyCode, with its additional info, is replaced (C04)."""
    if isinstance(value, list):
        return [masked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == _SECRET_TYPE and "idToken" in value:
        return {"idToken": MASK, "type": _SECRET_TYPE}
    return {name: masked(item) for name, item in value.items()}
