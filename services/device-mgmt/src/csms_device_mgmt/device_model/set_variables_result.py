"""SetVariables (B05, A01): what the station accepted is kept, except secrets; an accepted password becomes valid."""

from collections.abc import Iterator

from csms_runtime import heavy, passwords
from csms_runtime.secret_keys import key_id

from csms_device_mgmt import announcements, versions
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.matching import in_request_order
from csms_device_mgmt.device_model.variable_key import VariableKey
from csms_device_mgmt.security_profile.offered_passwords import PasswordOutcome, judge, offered
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Station
from csms_device_mgmt.unit import Unit
from csms_device_mgmt.versions.version import VariableMessage


async def apply(unit: Unit, executed: Executed) -> None:
    """Store accepted values in the device model; tell auth what became of a BasicAuthPassword (A01.FR.02-.05)."""
    message = versions.of(executed.protocol).set_variables
    if message is None:
        return
    accepted = await heavy.run(executed.size, lambda: dict(_accepted(message, executed)))
    shown = {key: value for key, value in accepted.items() if not key.is_secret}
    most = unit.settings.station_variables
    await variable_rows.store_values(unit.session, executed.station_id, shown, executed.completion.completed_at, most)
    for password, outcome in _passwords(message, executed):
        await _tell_auth(unit, executed.station_id, password, outcome)


def _accepted(message: VariableMessage, executed: Executed) -> Iterator[tuple[VariableKey, str]]:
    asked, results = message.elements(executed.request), message.results(executed.request, executed.response)
    for element, result in zip(asked, in_request_order(asked, results), strict=True):
        if result is not None and result["attributeStatus"] == "Accepted":
            yield VariableKey.in_message(element), element["attributeValue"]


def _passwords(message: VariableMessage, executed: Executed) -> Iterator[tuple[str, PasswordOutcome]]:
    """Yield the passwords it was asked to take. A CALL that was sent and not answered may have been obeyed."""
    key, elements = versions.of(executed.protocol).password, message.elements(executed.request)
    if key is None:
        return
    if executed.response is not None:
        yield from judge(elements, message.results(executed.request, executed.response), key)
        return
    outcome = PasswordOutcome.UNKNOWN if executed.may_have_been_obeyed else PasswordOutcome.REFUSED
    for password in offered(elements, key):
        yield password, outcome


async def _tell_auth(unit: Unit, station_id: str, password: str, outcome: PasswordOutcome) -> None:
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
