"""Reading and setting any number of variables: split to what the station takes, merged to one answer (B05, B06)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from csms_runtime.http import Problem
from csms_runtime.http.problems import FieldError

from csms_device_mgmt.commands.call_rows import CallOutcome
from csms_device_mgmt.commands.execution import CallExecution, CallRequest, needed
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.chunks import ChunkLimits, parse_limit, split
from csms_device_mgmt.device_model.matching import in_request_order
from csms_device_mgmt.device_model.variable_key import JsonObject, VariableKey
from csms_device_mgmt.tables import Call
from csms_device_mgmt.unit import Units
from csms_device_mgmt.versions.version import DeviceVersion, VariableMessage

_MOST = 100
"""Errors that are told at most."""


@dataclass(slots=True)
class Merged:
    """What became of the elements, in the order of the request."""

    results: list[JsonObject | None] = field(default_factory=list)
    """None: the station gave no result for it."""
    calls: list[Call] = field(default_factory=list)
    """The calls that were sent; the first that brought no result ended it."""


class VariableAccess:
    """Reads and sets variables. Safe for use by many tasks."""

    def __init__(self, units: Units, calls: CallExecution) -> None:
        self._units = units
        self._calls = calls

    async def execute(
        self,
        choose: Callable[[DeviceVersion], VariableMessage | None],
        request: CallRequest,
        elements: Sequence[JsonObject],
    ) -> Merged:
        """Send as many messages as it takes, one after the other. `request` tells who asks, and for which station.

        Blocks up to the call timeout for each message. Raises as CallExecution.run does, and Problem 422 if the
        station's version has no such message. `choose` picks it.
        """
        version = await self._calls.version_of(request.station_id)
        message = needed(version, choose(version), "messages for a list of variables")
        _check_able(version, message, elements)
        elements = [message.normal(element) for element in elements]
        await self._check(message, request, elements)
        merged = Merged()
        limits = await self._limits(version, message, request, elements, merged)
        for chunk in split(elements, limits) if limits else ():
            row = await self._calls.run(_request(message, request, chunk))
            merged.calls.append(row)
            if row.outcome != CallOutcome.RESULT:
                break
            # The row has no secrets, and no more of the request is needed than its names.
            merged.results += in_request_order(chunk, message.results(row.request, row.response))
        merged.results += [None] * (len(elements) - len(merged.results))
        return merged

    async def _check(self, message: VariableMessage, request: CallRequest, elements: Sequence[JsonObject]) -> None:
        """Check all elements, by as few messages as can be, so that nothing is sent if one of them is wrong."""
        step = message.most or len(elements)
        for first in range(0, len(elements), step):
            try:
                await self._calls.check(_request(message, request, elements[first : first + step]))
            except Problem as problem:
                problem.errors = [
                    error._replace(pointer=f"/variables{message.pointer(error.pointer, first)}")
                    for error in problem.errors
                ]
                raise

    async def _limits(
        self,
        version: DeviceVersion,
        message: VariableMessage,
        request: CallRequest,
        elements: Sequence[JsonObject],
        merged: Merged,
    ) -> ChunkLimits | None:
        """Return the station's limits, from the stored device model, else asked for; None: it could not be asked."""
        get = version.get_variables
        if len(elements) == 1 or get is None or message.most == 1:
            return ChunkLimits(items=message.most)
        found: list[int | None] = []
        for key in (message.items, message.bytes):
            if key is None:
                found.append(None)
                continue
            stored, known = await self._stored(request.station_id, key)
            if not known:
                row = await self._calls.run(_request(get, request, [_element(key)]))
                if row.outcome not in {CallOutcome.RESULT, CallOutcome.ERROR}:
                    merged.calls.append(row)
                    return None
                stored, _ = await self._stored(request.station_id, key)
            found.append(parse_limit(stored))
        return ChunkLimits(items=found[0] or message.most, size=found[1])

    async def _stored(self, station_id: str, key: VariableKey) -> tuple[str | None, bool]:
        async with self._units.reading() as session:
            values = await variable_rows.values(session, station_id, [key])
        return values.get(key.path), key.path in values


def _check_able(version: DeviceVersion, message: VariableMessage, elements: Sequence[JsonObject]) -> None:
    """Raise Problem 422 if the version cannot do what is asked of an element."""
    errors = [
        FieldError(f"/variables/{index}{finding.pointer}", finding.detail)
        for index, element in enumerate(elements)
        for finding in message.unable(element)
    ]
    if errors:
        raise Problem(422, "Not in this version", f"the station speaks {version.protocol.value}", errors=errors[:_MOST])


def _request(message: VariableMessage, request: CallRequest, elements: Sequence[JsonObject]) -> CallRequest:
    action, payload = message.request(elements)
    return replace(request, action=action, payload=payload)


def _element(key: VariableKey) -> dict[str, Any]:
    return {"component": key.component_json(), "variable": key.variable_json()}
