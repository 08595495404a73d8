"""Creating, changing and deleting stations. Auth is told first, and what it did not confirm is not claimed here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import StationChanged, StationDisconnected
from csms.v1.station_pb2 import ReplyTo
from csms_bus.ports import Outgoing
from csms_bus.requests import NoAnswer, Requester
from csms_runtime import passwords
from csms_runtime.clock import now_ms, to_ms, utcnow
from csms_runtime.http import Problem
from csms_runtime.secret_keys import SecretKeys

from csms_device_mgmt import announcements
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.security_profile.profiles import LowerProfileError
from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.sites import site_rows
from csms_device_mgmt.stations import station_labels, station_rows
from csms_device_mgmt.tables import Station
from csms_device_mgmt.unit import Unit, Units

DELETED = "the station was deleted"
"""Why a connection is closed."""
ATTEMPTS = 5
"""How often a change is tried that crosses with others of the same station."""


@dataclass(frozen=True, slots=True)
class StationChange:
    """What somebody wants changed; columns that are not mentioned keep their value."""

    columns: Mapping[str, Any]
    password: str | None = field(default=None, repr=False)


class Inventory:
    """The stations that operators know. Safe for use by many tasks."""

    def __init__(self, units: Units, requester: Requester, settings: DeviceSettings, keys: SecretKeys) -> None:
        self._units = units
        self._requester = requester
        self._settings = settings
        self._keys = keys

    async def put(self, station_id: str, change: StationChange) -> bool:
        """Create or change a station; True when it was created. On return auth knows, so that the station may connect.

        Nothing is locked while auth is asked; if the station is changed meanwhile, all is done again on the new state.
        Blocks up to the service timeout, each time. Raises Problem 503 (auth is silent: nothing is stored here, and the
        request may be repeated), 409 (too many crossing changes, or the security profile would be lowered), 422 (there
        is no such site), DatabaseUnavailable, BusUnavailable.
        """
        for _ in range(ATTEMPTS):
            async with self._units.reading() as session:
                before = await station_rows.find(session, station_id)
                await site_rows.expect(session, change.columns.get("site_id"))
            columns = self._columns(station_id, before, change)
            known = await self._tell_auth(Station(**columns), change)
            if known and await self._store(columns["station_id"], before, columns):
                return before is None
        raise _crossing()

    def _columns(self, station_id: str, before: Station | None, change: StationChange) -> dict[str, Any]:
        now = utcnow()
        revision = announcements.next_revision(before.revision if before else 0, now)
        fresh = station_rows.new_station(station_id, Registration.ACCEPTED, revision, now)
        base = station_rows.columns_of(before) if before else fresh
        columns = {**base, **change.columns, "revision": revision, "updated_at": now}
        if change.password is not None:
            columns |= {"password_set": True, "password_revision": revision}
        if before is not None:
            columns["pending_security_profile"] = _pending(before, columns["security_profile"])
        return columns

    async def _tell_auth(self, wanted: Station, change: StationChange) -> bool:
        """Tell auth and wait; False when auth knows a newer state already: another change is on its way."""
        digest = b"" if change.password is None else self._digest(wanted.station_id, change.password)
        return await self._confirm(wanted, password_digest=digest)

    async def confirm_password(self, station_id: str, password: str) -> None:
        """Wait until auth has stored a password that the station accepted. Raises Problem 503 if auth is silent.

        Auth is told through the outbox in any case, when the station's answer is stored.
        """
        async with self._units.reading() as session:
            station = await station_rows.find(session, station_id)
        if station is not None:
            await self._confirm(station, password_digest=self._digest(station_id, password))

    async def offer_password(self, station_id: str, password: str) -> None:
        """Make auth take a password that a station is about to be asked to take, beside the present one.

        On return the station can connect with either, whatever becomes of its answer (A01.FR.02-.05). Raises Problem
        503 (auth is silent), 409 (too many crossing changes).
        """
        digest = self._digest(station_id, password)
        for _ in range(ATTEMPTS):
            async with self._units.open() as unit:
                station = (await station_rows.lock(unit.session, [station_id])).get(station_id)
                if station is None:
                    return
                station.revision = announcements.next_revision(station.revision, unit.now)
            if await self._confirm(station, pending_password_digest=digest):
                return
        raise _crossing()

    def _digest(self, station_id: str, password: str) -> bytes:
        return passwords.digest(self._keys.current, station_id, password.encode())

    async def _confirm(
        self, station: Station, *, password_digest: bytes = b"", pending_password_digest: bytes = b""
    ) -> bool:
        correlation_id, deadline_ms = self._question()
        question = announcements.admission(
            station,
            password_digest=password_digest,
            pending_password_digest=pending_password_digest,
            secret_key_id=self._keys.current_id,
            reply_to=self._requester.reply_to,
            correlation_id=correlation_id,
            deadline_ms=deadline_ms,
        )
        answer = await self._ask(question, correlation_id)
        return answer.station_admission_result.applied

    async def _store(self, station_id: str, before: Station | None, columns: Mapping[str, Any]) -> bool:
        async with self._units.open() as unit:
            if before is None:
                stored = await station_rows.create(unit.session, columns)
                what = StationChanged.CHANGE_CREATED
            else:
                changed = {name: columns[name] for name in station_rows.CONFIGURED}
                if any(columns[name] != getattr(before, name) for name in ("onboarding", "onboarding_variables")):
                    changed["onboarding_progress"] = None  # the next boot begins anew
                stored = await station_rows.change(unit.session, station_id, before.revision, changed)
                what = StationChanged.CHANGE_UPDATED
            if stored:
                await self._place(unit, before, columns)
                _tell_others(unit, Station(**columns), what)
            return stored

    async def _place(self, unit: Unit, before: Station | None, columns: Mapping[str, Any]) -> None:
        """Have the station found by its labels. Its site is locked, so that it is not deleted meanwhile."""
        if before is None or before.site_id != columns["site_id"]:
            await site_rows.expect(unit.session, columns["site_id"], lock=True)
        if before is None or before.labels != columns["labels"]:
            await station_labels.replace(unit.session, columns["station_id"], columns["labels"])

    async def delete(self, station_id: str) -> None:
        """Delete a station with all it reported; its connection is closed. Raises Problem 404, else as `put` does."""
        async with self._units.reading() as session:
            before = await station_rows.find(session, station_id)
        if before is None:
            raise Problem(404, "Unknown station", "there is no such station")
        station_id, revision = before.station_id, announcements.next_revision(before.revision, utcnow())
        correlation_id, deadline_ms = self._question()
        question = announcements.dismissal(
            station_id, revision, reply_to=self._reply_to, correlation_id=correlation_id, deadline_ms=deadline_ms
        )
        await self._ask(question, correlation_id)
        await self._remove(station_id)

    async def _remove(self, station_id: str) -> None:
        async with self._units.open() as unit:
            station = (await station_rows.lock(unit.session, [station_id])).get(station_id)
            if station is None:
                return
            if station.connection_open and station.connection_id is not None:
                _end_connection(unit, station, station.connection_id)
            _tell_others(unit, station, StationChanged.CHANGE_DELETED)
            await station_rows.remove(unit.session, station_id, unit.now)

    @property
    def _reply_to(self) -> ReplyTo:
        return self._requester.reply_to

    def _question(self) -> tuple[str, int]:
        deadline_ms = now_ms() + int(self._settings.service_timeout_s * 1000)
        return self._requester.new_correlation_id(), deadline_ms

    async def _ask(self, question: Outgoing, correlation_id: str) -> Record:
        try:
            return await self._requester.ask(question, correlation_id, self._settings.service_timeout_s)
        except NoAnswer as error:
            detail = "auth did not answer; nothing was stored here, repeat the request"
            raise Problem(503, "Auth is silent", detail, headers={"Retry-After": "2"}) from error


def _pending(before: Station, wanted: int | None) -> int | None:
    """Return the pending profile beside one that an operator wants. Raises Problem 409."""
    try:
        return station_rows.profiles_of(before).configured(wanted).pending
    except LowerProfileError as error:
        detail = f"the station has connected with profile {before.reached_security_profile}: no lower one (A05.FR.07)"
        raise Problem(409, "Security profile cannot be lowered", detail) from error


def _end_connection(unit: Unit, station: Station, connection_id: str) -> None:
    """Have a deleted station's connection closed, and tell its end now: no row is left to tell it by when it comes."""
    close = announcements.close_connection(
        station.station_id,
        slot=station.connection_slot or 0,
        epoch=station.connection_epoch or 0,
        connection_id=connection_id,
        number=station.connection_number or 0,
        reason=DELETED,
    )
    unit.tell(close)
    connected_at_ms = to_ms(station.connected_at) if station.connected_at is not None else 0
    event = StationDisconnected(connection_id=connection_id, reason=DELETED, connected_at_ms=connected_at_ms)
    unit.tell(announcements.event(station.station_id, unit.now, station_disconnected=event))


def _crossing() -> Problem:
    return Problem(409, "Conflict", "the station is being changed by others, try again")


def _tell_others(unit: Unit, station: Station, what: StationChanged.Change.ValueType) -> None:
    body = StationChanged(change=what, site_id=station.site_id or "", labels=station.labels)
    unit.tell(announcements.event(station.station_id, unit.now, station_changed=body))
