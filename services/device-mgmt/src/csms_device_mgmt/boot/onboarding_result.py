"""What onboarding does when one of its calls is completed (B02)."""

from csms_device_mgmt.boot import onboarding
from csms_device_mgmt.commands.call_rows import CallOutcome
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.unit import Unit


async def apply(unit: Unit, executed: Executed) -> None:
    """Go on with what the station answered; calls that are none of onboarding's change nothing."""
    outcome = executed.completion.outcome
    if outcome not in {CallOutcome.RESULT, CallOutcome.ERROR}:
        await onboarding.unanswered(unit, executed.station_id, executed.call_id, f"{executed.action}: {outcome.value}")
    else:
        await onboarding.answered(unit, executed)
