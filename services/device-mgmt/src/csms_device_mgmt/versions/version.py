"""What this service must know of one OCPP version: what messages tell, what commands mean, how it writes its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from csms_ocpp.versions import Protocol

from csms_device_mgmt.boot.boot import Boot
from csms_device_mgmt.commands.finding import Rule
from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.jobs.course import Course, JobKind
from csms_device_mgmt.reports.series import Series
from csms_device_mgmt.security_profile.change import ProfileChange
from csms_device_mgmt.status.availability import ReportedStatus


class Told(Enum):
    """What a station's message tells that needs no reading of its own version."""

    ALIVE = "alive"
    EVENTS = "events"
    """Values and states of variables, as NotifyEvent has them."""
    DEVICE_MODEL = "device model"
    """A part of a report of variables, as NotifyReport has it."""
    VENDORS_OWN = "vendor's own"
    """DataTransfer."""


class Follows(Enum):
    """What follows when the outcome of a command is known."""

    REPORT = "report"
    JOB = "job"
    ONBOARDING = "onboarding"
    PROFILE_CHANGE = "profile change"
    CERTIFICATE = "certificate"
    CERTIFICATES_TOLD = "certificates told"
    CERTIFICATE_DELETED = "certificate deleted"
    VARIABLES_TOLD = "variables told"
    VARIABLES_SET = "variables set"
    NETWORK_PROFILE = "network profile"
    RESET = "reset"


class Request(NamedTuple):
    """What a command asks for."""

    action: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class VariableMessage:
    """A command for a list of variables. Its elements and results are those of OCPP 2: component, variable, ..."""

    action: str
    request_list: str
    response_list: str

    def request(self, elements: Sequence[JsonObject]) -> Request:
        """Return the command for these elements."""
        return Request(self.action, {self.request_list: list(elements)})

    def elements(self, payload: JsonObject) -> Sequence[JsonObject]:
        """Return the elements of such a command; none if the gateway left a large payload out."""
        found: Sequence[JsonObject] = payload.get(self.request_list, [])
        return found

    def results(self, response: JsonObject | None) -> Sequence[JsonObject]:
        """Return what the station answered of them; None, a CALLERROR for one: nothing."""
        found: Sequence[JsonObject] = (response or {}).get(self.response_list, [])
        return found


class Onboarding(NamedTuple):
    """What a station is asked between its first boot and its acceptance (B02)."""

    inventory: Callable[[int], Request]
    """For its whole device model, by requestId."""
    set_variables: VariableMessage
    boot: Request
    """To say again that it has booted."""


class ModelReports(NamedTuple):
    """How reports of the device model are asked for, by requestId."""

    base: Callable[[int, str], Request]
    """One that stations know by name."""
    chosen: Callable[[int, list[str] | None, list[dict[str, Any]] | None], Request]
    """One by criteria and by components and variables."""


class ProfileSteps(NamedTuple):
    """How a station is moved to another security profile."""

    request: Callable[[ProfileChange], Request]
    """The command of the step."""
    answered: Callable[[ProfileChange, JsonObject], ProfileChange]
    """Where the change stands after the answer."""


class Start(NamedTuple):
    """What a command asks for that starts a transaction."""

    remote_start_id: int
    evse_id: int
    """0: any."""
    id_token: str
    id_token_type: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)  # there is one object per version
class DeviceVersion:
    """One version. What it has nothing of is empty or None. All else that differs is in `csms_ocpp.versions`."""

    protocol: Protocol

    # What stations send, by action.
    boots: Mapping[str, Callable[[JsonObject], Boot]] = field(default_factory=dict)
    statuses: Mapping[str, Callable[[JsonObject], ReportedStatus]] = field(default_factory=dict)
    told: Mapping[str, Told] = field(default_factory=dict)
    recorded: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """The answer to each message that is only recorded."""

    # What is sent to stations, by action.
    rules: Mapping[str, Rule] = field(default_factory=dict)
    """Rules beyond the schema."""
    reports: Mapping[str, Series] = field(default_factory=dict)
    """What comes in several messages, by what asks for it."""
    courses: Mapping[str, Course] = field(default_factory=dict)
    """How a job goes, by what asks for it."""
    follows: Mapping[str, Sequence[Follows]] = field(default_factory=dict)
    starts: Mapping[str, Callable[[JsonObject], Start]] = field(default_factory=dict)
    passwords: Mapping[str, Callable[[JsonObject], list[str]]] = field(default_factory=dict)
    """The passwords that a command asks the station to take."""

    # The commands that this service writes itself.
    get_variables: VariableMessage | None = None
    set_variables: VariableMessage | None = None
    set_password: Callable[[str], Request] | None = None
    password_taken: Callable[[JsonObject | None], bool] = bool
    """Whether the answer to `set_password` says that the password is the station's now."""
    model_reports: ModelReports | None = None
    onboarding: Onboarding | None = None
    """None: a station of this version is accepted without."""
    profile_steps: ProfileSteps | None = None

    def job_action(self, kind: JobKind) -> str | None:
        """Return what asks for a job of that kind; None: this version has none."""
        return next((action for action, course in self.courses.items() if course.kind is kind), None)

    def report_action(self, series: Series) -> str | None:
        """Return what asks for a report of that series; None: this version has none."""
        return next((action for action, other in self.reports.items() if other is series), None)

    @property
    def assembled(self) -> Iterable[Series]:
        """The series that are only assembled; one that is told in another way, too, is none of them."""
        return {series.message: series for series in self.reports.values() if series.message not in self.told}.values()
