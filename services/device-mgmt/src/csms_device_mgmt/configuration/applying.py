"""Setting on a station what a template wants and the station has not, in as many messages as it takes."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from csms_runtime.http import Problem

from csms_device_mgmt.bulk.procedures import Done, Task
from csms_device_mgmt.bulk.progress import TargetStatus
from csms_device_mgmt.commands.call_rows import CallOutcome
from csms_device_mgmt.commands.execution import CallExecution, CallRequest
from csms_device_mgmt.configuration import template_rows
from csms_device_mgmt.configuration.wanted import Wanted, compare, to_set
from csms_device_mgmt.device_model.variable_access import Merged, VariableAccess
from csms_device_mgmt.device_model.variable_key import JsonObject, VariableKey
from csms_device_mgmt.unit import Units

PROCEDURE = "configuration"
"""What jobs that apply a template are stored with."""
_TAKEN = frozenset({"Accepted", "RebootRequired"})
_MOST_NAMED = 5


class Applying:
    """Applies templates, station by station. Safe for use by many tasks."""

    def __init__(self, units: Units, execution: CallExecution, access: VariableAccess) -> None:
        self._units = units
        self._execution = execution
        self._access = access

    async def procedure(self, task: Task) -> Done:
        """Have a station be as is wanted; the task's payload is a Wanted as a mapping. Raises as CallExecution.run."""
        return await self.apply(task, secrets=True)

    async def apply(self, task: Task, *, secrets: bool) -> Done:
        """Set what differs, is unknown or, with `secrets`, cannot be compared."""
        version = await self._execution.version_of(task.station_id)
        elements = Wanted(**task.payload).elements(version)
        if not elements:
            detail = f"the template has nothing for a station that speaks {version.protocol.value}"
            raise Problem(422, "Not in this version", detail)
        missing = to_set(compare(elements, await self._stored(task.station_id, elements)), secrets=secrets)
        if not missing:
            return Done(TargetStatus.RESULT)
        request = CallRequest(task.station_id, "", None, task.requested_by, task.timeout_s)
        return _done(await self._access.execute(attrgetter("set_variables"), request, missing), missing)

    async def _stored(self, station_id: str, elements: Sequence[JsonObject]) -> Any:  # noqa: ANN401 by path
        paths = [VariableKey.in_message(element).path for element in elements]
        async with self._units.reading() as session:
            return (await template_rows.values(session, [station_id], paths))[station_id]


def _done(merged: Merged, elements: Sequence[JsonObject]) -> Done:
    last = merged.calls[-1]
    if last.outcome != CallOutcome.RESULT:
        return Done(TargetStatus(last.outcome or TargetStatus.UNKNOWN), last.call_id)
    refused = [
        f"{element['variable']['name']}: {(result or {}).get('attributeStatus', 'no result')}"
        for element, result in zip(elements, merged.results, strict=True)
        if (result or {}).get("attributeStatus") not in _TAKEN
    ]
    if not refused:
        return Done(TargetStatus.RESULT, last.call_id)
    detail = f"{len(refused)} of {len(elements)}: {', '.join(refused[:_MOST_NAMED])}"
    return Done(TargetStatus.ERROR, last.call_id, {"status": 409, "title": "Not set", "detail": detail, "errors": []})
