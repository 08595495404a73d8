"""What auth knows about a station: enough to decide on its connection. device-mgmt has the inventory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from csms_auth.domain.placement import Placement


class Registration(StrEnum):
    """How a station's boot is or was answered (OCPP's RegistrationStatusEnumType)."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True)
class Station:
    """A station as auth knows it."""

    station_id: str
    revision: int = 0
    """The revision of the admission that made this state."""
    security_profile: int = 0
    """The profile device-mgmt wants it to use, 1 to 3; 0: any. See `least_profile`."""
    pending_security_profile: int = 0
    """A higher profile that it is being moved to, allowed beside the other (A05); 0: none."""
    proven_profile: int = 0
    """The highest profile that was demanded of it, or that it was moved to, and that it has connected with; 0: none.

    It never falls below that again (A05.FR.07), whatever an admission says."""
    proven_revision: int = -1
    """Grows when `proven_profile` changes: also when a deletion takes it back."""
    serial_number: str = ""
    organization: str = ""
    """What the O of its certificate must contain; empty: the deployment's."""
    protocols: tuple[str, ...] = ()
    """Those that it may speak; empty: all that its gateway does."""
    placement: Placement | None = None
    """Where it belongs; None: device-mgmt did not say."""
    registration: Registration | None = None
    """None: device-mgmt did not say; treated as Pending, which lets the station boot and nothing else."""
    message_timeout_s: int = 0
    """How long it may take to answer a CALL; 0: the gateway's default."""
    password_digest: bytes | None = field(default=None, repr=False)
    password_revision: int = -1
    """The revision of the last admission that told of passwords, or of the station when an operator set it here."""
    pending_digests: tuple[bytes, ...] = field(default=(), repr=False)
    """Passwords that the station was asked to take, without an answer so far: each is as valid as the present one."""
    claimed_digest: bytes | None = field(default=None, repr=False)
    """Digest of the password that it came with before anybody created it. See `valid_digests`."""
    secret_key_id: str = ""
    """The key that all these digests were made with (`csms_runtime.secret_keys.key_id`); empty: it is not known."""
    deleted: bool = False
    """Kept as a tombstone for some weeks, so that a late older admission does not bring the station back."""

    @property
    def least_profile(self) -> int:
        """The profile it must use, unless it is a pending one; 0: any."""
        return max(self.security_profile, self.proven_profile)

    @property
    def valid_digests(self) -> list[bytes]:
        """The passwords it may come with, as digests; empty: none is set.

        A station that was asked to take a new one may have done so, although its answer never came (A01.FR.02-.05).
        What it claimed itself counts until an operator sets a password or demands a security profile.
        """
        known = [digest for digest in (self.password_digest, *self.pending_digests) if digest is not None]
        if known or self.claimed_digest is None or self.least_profile:
            return known
        return [self.claimed_digest]


@dataclass(frozen=True, slots=True)
class Admission:
    """A change of a station, as device-mgmt tells it."""

    station_id: str
    revision: int
    deleted: bool = False
    security_profile: int = 0
    pending_security_profile: int = 0
    serial_number: str = ""
    organization: str = ""
    protocols: tuple[str, ...] = ()
    placement: Placement | None = None
    """None: an earlier version told it, and what is known stays."""
    registration: Registration | None = None
    message_timeout_s: int = 0
    new_password_digest: bytes = field(default=b"", repr=False)
    """Empty: the password stays as it is."""
    pending_password_digest: bytes = field(default=b"", repr=False)
    """Of a password the station is being asked to take; empty: of none."""
    dropped_password_digest: bytes = field(default=b"", repr=False)
    """Of a password it was asked to take and did not; empty: of none."""
    secret_key_id: str = ""
    """The key that these digests were made with; empty: an earlier version told it."""


MOST_PENDING = 4
"""At most so many passwords are pending. One more replaces the oldest."""


def admit(current: Station | None, admission: Admission) -> Station | None:
    """Return the station as the admission makes it, or None when it changes nothing.

    Admissions are delivered more than once, and an older one may come behind a newer one that did not bring a password.
    So the password counts by the revision that brought it, everything else by the station's.
    """
    known = current or Station(admission.station_id, revision=-1)
    changed = _with_password(_with_the_rest(known, admission), admission)
    return None if changed == known else changed


def _with_the_rest(station: Station, admission: Admission) -> Station:
    if admission.revision <= station.revision:
        return station
    if admission.deleted:
        revision = admission.revision
        return Station(
            station.station_id,
            revision=revision,
            password_revision=revision,
            proven_revision=station.proven_revision + (1 if station.proven_profile else 0),
            deleted=True,
        )
    return replace(
        station,
        revision=admission.revision,
        security_profile=admission.security_profile,
        pending_security_profile=admission.pending_security_profile,
        serial_number=admission.serial_number,
        organization=admission.organization,
        protocols=admission.protocols,
        placement=admission.placement or station.placement,
        registration=admission.registration,
        message_timeout_s=admission.message_timeout_s,
        deleted=False,
    )


def _with_password(station: Station, admission: Admission) -> Station:
    if admission.revision <= station.password_revision:
        return station
    if admission.new_password_digest:
        return _settled(station, admission.new_password_digest, admission.revision, admission.secret_key_id)
    pending, dropped = admission.pending_password_digest, admission.dropped_password_digest
    if not pending and not dropped:
        return station
    others = [digest for digest in station.pending_digests if digest not in {pending, dropped}]
    digests = (*others, pending)[-MOST_PENDING:] if pending else tuple(others)
    key_id = _common_key(station, others, admission.secret_key_id) if pending else station.secret_key_id
    return replace(station, pending_digests=digests, password_revision=admission.revision, secret_key_id=key_id)


def _common_key(station: Station, pending: Sequence[bytes], key_id: str) -> str:
    """Return the key of all digests of a station that gets one more; empty: they are not known to be of one key."""
    is_only = not pending and station.password_digest is None and station.claimed_digest is None
    return key_id if is_only or station.secret_key_id == key_id else ""


def take_pending(station: Station, digest: bytes, key_id: str = "") -> Station:
    """Return the station once it has connected with a password that was pending: that is its password now.

    What may still come of the request is older than this proof.
    """
    return _settled(station, digest, station.password_revision + 1, key_id)


@dataclass(frozen=True, slots=True)
class Renewal:
    """A digest that is made anew with the current key, of the password that the station has just shown."""

    stored: bytes = field(repr=False)
    renewed: bytes = field(repr=False)
    secret_key_id: str


def renew(station: Station, renewal: Renewal) -> Station:
    """Return the station with the digest renewed. Others that are pending stay as they are, of whatever key."""
    set_here, claimed = station.password_digest, station.claimed_digest
    return replace(
        station,
        password_digest=renewal.renewed if set_here == renewal.stored else set_here,
        claimed_digest=renewal.renewed if claimed == renewal.stored else claimed,
        secret_key_id="" if station.pending_digests else renewal.secret_key_id,
    )


def claim(
    current: Station | None, station_id: str, registration: Registration, digest: bytes, key_id: str = ""
) -> Station:
    """Return a station that nobody created and that came with a password: it is held to it from now on.

    The revision is below any that device-mgmt gives, so that what it tells of the station counts.
    """
    revision = 0 if current is None else current.revision + 1
    known = current or Station(station_id)
    return replace(
        known,
        revision=revision,
        password_revision=revision,
        registration=registration,
        claimed_digest=digest,
        secret_key_id=key_id,
        deleted=False,
    )


def prove(station: Station, profile: int) -> Station:
    """Return the station once it has connected with a profile below which it must not fall any more."""
    return replace(station, proven_profile=profile, proven_revision=station.proven_revision + 1)


def _settled(station: Station, digest: bytes, revision: int, key_id: str) -> Station:
    return replace(
        station, password_digest=digest, password_revision=revision, pending_digests=(), secret_key_id=key_id
    )
