"""Matching the results in a station's answer with what was asked."""

from collections import deque
from collections.abc import Iterable, Sequence

from csms_device_mgmt.device_model.variable_key import JsonObject, VariableKey


def in_request_order(requested: Sequence[JsonObject], results: Iterable[JsonObject]) -> list[JsonObject | None]:
    """Return, for each requested element, its result, or None where the station gave none.

    Matched by component, variable and attribute type, for a station may answer in any order (B05.FR.02, B06.FR.02). An
    element asked for twice and answered once gets that answer twice.
    """
    by_path: dict[str, deque[JsonObject]] = {}
    for result in results:
        by_path.setdefault(VariableKey.in_message(result).path, deque()).append(result)
    return [_take(by_path.get(VariableKey.in_message(element).path)) for element in requested]


def _take(candidates: deque[JsonObject] | None) -> JsonObject | None:
    if not candidates:
        return None
    return candidates.popleft() if len(candidates) > 1 else candidates[0]


def first_duplicate(elements: Sequence[JsonObject]) -> int | None:
    """Return the index of the first element for a component, variable and attribute type that occurred before."""
    seen: set[str] = set()
    for index, element in enumerate(elements):
        path = VariableKey.in_message(element).path
        if path in seen:
            return index
        seen.add(path)
    return None
