"""What this service must know of one OCPP version: what messages tell, what commands mean, how it writes its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from csms_ocpp.versions import Protocol

from csms_device_mgmt.boot.boot import Boot
from csms_device_mgmt.commands.finding import Finding, Rule
from csms_device_mgmt.der.controls import ControlChange
from csms_device_mgmt.device_model.variable_key import JsonObject, VariableKey
from csms_device_mgmt.event_streams.streams import StreamChange
from csms_device_mgmt.jobs.course import Course, JobKind
from csms_device_mgmt.reports.series import Series
from csms_device_mgmt.security_profile.change import ProfileChange
from csms_device_mgmt.smart_charging.dynamic_schedule import ScheduleChange
from csms_device_mgmt.status.availability import ReportedStatus
from csms_device_mgmt.status.availability_order import AvailabilityOrder


class Told(Enum):
    """What a station's message tells that needs no reading of its own version."""

    ALIVE = "alive"
    EVENTS = "events"
    """Values and states of variables, as NotifyEvent has them."""
    DEVICE_MODEL = "device model"
    """A part of a report of variables, as NotifyReport has it."""
    VENDORS_OWN = "vendor's own"
    """DataTransfer."""
    CHARGING_NEEDS = "charging needs"
    """What a vehicle needs, as NotifyEVChargingNeeds has it."""
    SCHEDULE_WANTED = "schedule wanted"
    """The limits of a dynamic profile, as PullDynamicScheduleUpdate asks for them."""
    CONTROLS = "controls"
    """A part of a report of DER controls, as ReportDERControl has it."""
    CONTROL_STARTED = "control started"
    """A DER control is active, or is no longer, as NotifyDERStartStop has it."""
    BATTERY_SWAPPED = "battery swapped"
    SETTLED = "settled"
    """What became of a payment at the station, as NotifySettlement has it."""
    VAT_NUMBER = "VAT number"
    """Whether a VAT number is valid, as VatNumberValidation asks it."""
    MONITORS = "monitors"
    """A part of a report of monitors, as NotifyMonitoringReport has it, where streams refer to them."""
    STREAM_OPENED = "stream opened"
    STREAM_CLOSED = "stream closed"
    STREAM_VALUES = "stream values"


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
    MODEL_TOLD = "model told"
    """The device model, or a part of it, in the answer (OCPP 1.6)."""
    NETWORK_PROFILE = "network profile"
    RESET = "reset"
    AVAILABILITY = "availability"
    DYNAMIC_SCHEDULE = "dynamic schedule"
    DER_CONTROLS = "DER controls"
    BATTERY_SWAP = "battery swap"
    MONITORS_SET = "monitors set"
    EVENT_STREAMS = "event streams"


class Request(NamedTuple):
    """What a command asks for."""

    action: str
    payload: dict[str, Any]


class VariableMessage(NamedTuple):
    """A command for variables. Its elements and results are those of OCPP 2: component, variable, ..."""

    action: str
    request: Callable[[Sequence[JsonObject]], Request]
    """The command for these elements."""
    elements: Callable[[JsonObject], Sequence[JsonObject]]
    """The elements of such a command, by its payload; none if the gateway left a large payload out."""
    results: Callable[[JsonObject, JsonObject | None], Sequence[JsonObject]]
    """What the station answered of them, by the payloads of command and answer. None, a CALLERROR for one: nothing."""
    pointer: Callable[[str, int], str]
    """The place in a list of elements that a JSON pointer into the payload means. The number is that of the command's
    first element in the list."""
    items: VariableKey | None
    """The variable that says how many elements a station takes at once."""
    bytes: VariableKey | None = None
    """The variable that says how large a command may be."""
    is_of_keys: bool = False
    """Whether the elements are configuration keys, which belong to no component."""
    most: int | None = None
    """How many elements a command may have in any case; None: any number."""
    normal: Callable[[JsonObject], JsonObject] = dict
    """An element as the other functions take it."""
    unable: Callable[[JsonObject], Iterable[Finding]] = lambda _element: ()
    """What the version cannot do of an element that somebody asks for."""


class Onboarding(NamedTuple):
    """What a station is asked between its first boot and its acceptance (B02)."""

    inventory: Callable[[int], Request]
    """For its whole device model, by requestId."""
    set_variables: VariableMessage
    boot: Request
    """To say again that it has booted."""
    is_at_once: bool = False
    """Whether the answer is the inventory: nothing follows."""


class ModelReports(NamedTuple):
    """How reports of the device model are asked for, by requestId. None: the version has none like that."""

    base: Callable[[int, str], Request | None]
    """One that stations know by name."""
    chosen: Callable[[int, list[str] | None, list[dict[str, Any]] | None], Request | None]
    """One by criteria and by components and variables."""


class ProfileSteps(NamedTuple):
    """How a station is moved to another security profile."""

    request: Callable[[ProfileChange], Request]
    """The command of the step."""
    answered: Callable[[ProfileChange, JsonObject], ProfileChange]
    """Where the change stands after the answer."""
    has_network_profiles: bool = True
    """Whether the station is told an address, and keeps it in a slot of several."""


class Named(NamedTuple):
    """Certificates that a station named when it was asked (M03)."""

    types: Sequence[str] | None
    """The types that it was asked for; None: all."""
    chains: Sequence[dict[str, Any]]
    """OCPP 2's CertificateHashDataChainType objects."""


class Start(NamedTuple):
    """What a command asks for that starts a transaction."""

    remote_start_id: int
    """0: the version has none."""
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
    recorded_with: Mapping[str, Callable[[JsonObject], dict[str, Any]]] = field(default_factory=dict)
    """The same for those whose answer depends on what they say."""

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
    password: VariableKey | None = None
    """The variable that is the station's password."""
    offered_profiles: Mapping[str, Callable[[JsonObject], int]] = field(default_factory=dict)
    """The security profile with which a command asks the station to connect; 0: none."""
    schedule_changes: Mapping[str, Callable[[JsonObject], ScheduleChange | None]] = field(default_factory=dict)
    """What a command changes of a dynamic profile; None: of none, or of one that is not named."""
    profiles_set: Mapping[str, Callable[[JsonObject], JsonObject | None]] = field(default_factory=dict)
    """The charging profile that a command sets, where ids up to some number are the station's own."""
    control_changes: Mapping[str, Callable[[JsonObject, JsonObject], ControlChange]] = field(default_factory=dict)
    """What a command changes of DER controls, by its payload and the answer."""
    stream_changes: Mapping[str, Callable[[JsonObject, JsonObject], StreamChange]] = field(default_factory=dict)
    """What a command changes of event streams, by its payload and the answer."""
    availability_orders: Mapping[str, Callable[[JsonObject], AvailabilityOrder]] = field(default_factory=dict)
    """What a command orders of the availability of a place."""
    certificates: Callable[[JsonObject, JsonObject], Named] | None = None
    """What the answer to GetInstalledCertificateIds says, by request and response."""
    is_model_report: Callable[[str, JsonObject], bool] = lambda _action, _payload: False
    """Whether the answer to a command, by action and payload, is the whole device model: no report follows."""
    model_entries: Callable[[JsonObject], list[JsonObject]] = lambda _response: []
    """Such an answer, or a part of it, as the entries of a NotifyReport."""

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

    jobs: Mapping[JobKind, Callable[[dict[str, Any]], Request]] = field(default_factory=dict)
    """What asks for a job, by what somebody wants of it; without a requestId."""

    def job_request(self, kind: JobKind, wanted: dict[str, Any]) -> Request | None:
        """Return what asks for a job of that kind, without a requestId; None: this version has none."""
        write = self.jobs.get(kind)
        return None if write is None else write(wanted)

    def report_request(self, series: Series, wanted: dict[str, Any]) -> Request | None:
        """Return what asks for a report of that series, likewise."""
        action = next((action for action, other in self.reports.items() if other is series), None)
        return None if action is None else Request(action, wanted)

    def is_numbered(self, action: str) -> bool:
        """Whether a command that asks for a report or a job carries a requestId."""
        course = self.courses.get(action)
        return action in self.reports if course is None else course.is_numbered

    @property
    def assembled(self) -> Iterable[Series]:
        """The series that are only assembled; one that is told in another way, too, is none of them."""
        return {series.message: series for series in self.reports.values() if series.message not in self.told}.values()
