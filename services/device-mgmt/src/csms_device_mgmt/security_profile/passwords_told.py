"""Tells auth what became of a password that a station was asked to take (A01.FR.02-.05)."""

from csms_runtime import passwords
from csms_runtime.secret_keys import key_id

from csms_device_mgmt import announcements
from csms_device_mgmt.security_profile.offered_passwords import PasswordOutcome
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Station
from csms_device_mgmt.unit import Unit


async def tell_auth(unit: Unit, station_id: str, password: str, outcome: PasswordOutcome) -> None:
    """Tell auth, before the one who asked is answered; and through the outbox, should this process die now."""
    station = (await station_rows.lock(unit.session, [station_id])).get(station_id)
    if station is None or outcome is PasswordOutcome.UNKNOWN:
        return
    if outcome is PasswordOutcome.TAKEN:
        _tell(unit, station, unit.keys.current, taken=password)
        station.password_set, station.password_revision = True, station.revision
        return
    for key in unit.keys.every:  # it was offered with one of them, by a process that may have had others
        _tell(unit, station, key, dropped=password)


def _tell(unit: Unit, station: Station, key: bytes, *, taken: str = "", dropped: str = "") -> None:
    station.revision = announcements.next_revision(station.revision, unit.now)
    told = announcements.admission(
        station,
        password_digest=_digest(key, station, taken),
        dropped_password_digest=_digest(key, station, dropped),
        secret_key_id=key_id(key),
    )
    unit.tell_first(told)


def _digest(key: bytes, station: Station, password: str) -> bytes:
    return passwords.digest(key, station.station_id, password.encode()) if password else b""
