"""Whether a CALL may be sent to a station. What stands against it is raised as a Problem, an HTTP answer."""

from functools import partial
from itertools import islice
from typing import Any

from csms_ocpp.actions import from_csms
from csms_ocpp.validation import all_violations_request
from csms_runtime import heavy
from csms_runtime.http import Problem
from csms_runtime.http.problems import FieldError

from csms_device_mgmt import announcements
from csms_device_mgmt.boot.registration import Registration, refusal
from csms_device_mgmt.json import size_of
from csms_device_mgmt.tables import Station
from csms_device_mgmt.versions.version import DeviceVersion

_MOST_FINDINGS = 100


async def check(
    station: Station,
    version: DeviceVersion,
    action: str,
    payload: Any,  # noqa: ANN401 any JSON value
) -> None:
    """Raise the Problem that stands against sending a request.

    404: the CSMS sends no such action in this version. 422: the payload is wrong. 409: its registration forbids it.
    """
    await check_payload(version, action, payload)
    status = announcements.registration_status_of(station)
    reason = refusal(status, action, payload)
    if reason is not None:
        raise refused(status, reason)


async def check_payload(version: DeviceVersion, action: str, payload: Any) -> None:  # noqa: ANN401 any JSON value
    """Raise the Problem that stands against a request in a version, whichever the station: 404, 422."""
    if not from_csms(version.protocol, action):
        raise Problem(404, "Unknown action", f"{version.protocol.value} has no message {action} from CSMS to station")
    errors = await heavy.run(size_of(payload), partial(violations, version, action, payload))
    if errors:
        raise Problem(422, "Payload refused", f"the payload is no valid {action} request", errors=errors)


def refused(status: Registration, reason: str) -> Problem:
    """Return the answer to a request that the station's registration forbids."""
    return Problem(409, f"Station is {status.value.lower()}", reason)


def violations(version: DeviceVersion, action: str, payload: Any) -> list[FieldError]:  # noqa: ANN401 as above
    """Return what is wrong with a request: by its schema, else by rules beyond it.

    The first hundred of very many.
    """
    found = all_violations_request(version.protocol, action, payload)
    if found:
        return [FieldError(*named) for violation in found for named in violation.by_field()]
    rule = version.rules.get(action)
    findings = rule(payload) if rule else ()
    return [FieldError(*finding) for finding in islice(findings, _MOST_FINDINGS)]
