"""One plain sentence for each entry, for people who know charging stations but not OCPP. Pure.

Sentences are made when they are read. What is stored are details, as events have them (`csms_history.events.shown`).
"""

from collections.abc import Callable, Mapping
from typing import Any

from csms_runtime.clock import from_ms

from csms_history.timeline.facts import NOTIFY_EVENT, problems

Detail = Mapping[str, Any]


def sentence(event: str, detail: Detail) -> str:
    """Return the sentence of an entry. Stations and operators wrote parts of it: show it as text, not as markup.

    `detail` has `omitted_bytes` alone where it was too large to keep.
    """
    write = _WRITE.get(event)
    detail = {name: value for name, value in detail.items() if value is not None}
    return _upper(write(detail) if write is not None else f"{event.replace('_', ' ')}.")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _place(about: Detail) -> str:
    evse_id, connector_id = about.get("evse_id", 0), about.get("connector_id", 0)
    if not evse_id:
        return "the station"
    return f"connector {connector_id} of EVSE {evse_id}" if connector_id else f"EVSE {evse_id}"


def _connected(about: Detail) -> str:
    address = f"from {about['remote_address']}" if "remote_address" in about else ""
    protocol = f"with {about['protocol']}" if "protocol" in about else ""
    gateway = f"to gateway {about['gateway_slot']}" if "gateway_epoch" in about and "gateway_slot" in about else ""
    return _joined("The station connected", address, protocol, gateway) + "."


_BROKEN = 1006
_REPLACED = frozenset({"replaced", "superseded by a newer connection"})
"""What gateways and device-mgmt say of a connection that gives way to a newer one."""


def _disconnected(about: Detail) -> str:
    code, reason = about.get("close_code"), about.get("reason")
    if reason in _REPLACED:
        return "An older connection was replaced by the new one."
    if reason:
        return f"The connection ended: {reason}" + (f" (close code {code})." if code else ".")
    if code == _BROKEN:
        return "The connection broke off without a word (close code 1006)."
    return "The connection ended" + (f" (close code {code})." if code else ".")


_TIME = slice(11, 19)
"""Hours, minutes and seconds of a time in RFC 3339."""


def _refused(about: Detail) -> str:
    address = f" from {about['remote_address']}" if "remote_address" in about else ""
    who = "The station" if about.get("checked", True) else "Somebody with the station's name"
    at = f" at {about['first_at'][_TIME]} UTC" if "first_at" in about else ""
    reason = about.get("reason", "").rstrip(".") or "no reason is known"
    return f"{who} was not let in{at}{address}: {reason}."


_REGISTRATIONS = {
    "Accepted": "and was accepted",
    "Pending": "and was told to wait (Pending)",
    "Rejected": "and was rejected",
}


def _booted(about: Detail) -> str:
    reason = f"({about['reason']})" if "reason" in about else ""
    firmware, before = about.get("firmware_version"), about.get("previous_firmware_version")
    told = f"with firmware {firmware}" if firmware else ""
    if firmware and before and before != firmware:
        told += f", before {before},"
    return (
        _joined("The station started", reason, told, _REGISTRATIONS.get(about.get("registration_status", ""), "")) + "."
    )


_STATUSES = {
    "Available": "is free",
    "Occupied": "is in use",
    "Reserved": "is reserved",
    "Unavailable": "is out of service",
    "Faulted": "has a fault",
}


def _status_changed(about: Detail) -> str:
    status, said = about.get("status", ""), about.get("reported_status")
    words = _STATUSES.get(status, f"says {status}") + (f" ({said})" if said and said != status else "")
    error = about.get("error_code")
    codes = [code for code in (error if error != "NoError" else None, about.get("vendor_error_code")) if code]
    told = f": error {', '.join(codes)}" if codes else ""
    if "info" in about:
        told += f", {about['info']}" if told else f": {about['info']}"
    return f"{_place(about)} {words}{told}."


_WHY = {
    "unknown": "nobody has stored this token",
    "expired": "the token has expired",
    "site": "the token is limited to other sites",
    "labels": "the token is limited to stations with other labels",
    "credit": "nothing is left of the token's credit",
    "location": "the token may not be used at this station",
    "evse": "the token may be used at other EVSEs of this station only",
    "concurrency": "the token is in as many transactions as it may be",
    "certificate": "the certificate that came with it cannot be verified",
    "remote_start": "an operator or an app asked for this transaction with it",
    "auth_away": "the service that decides did not answer in time",
    "no_authorization": "this type of token needs no decision",
}


def _authorization_decided(about: Detail) -> str:
    because: str
    kind = f"({about['id_token_type']})" if "id_token_type" in about else ""
    token = _joined("Token", about.get("id_token", ""), kind)
    at = f" at EVSE {about['evse_id']}" if "evse_id" in about else ""
    status, why = about.get("status", ""), about.get("reason", "")
    if status == "Accepted":
        done = "was accepted to stop a transaction" if about.get("purpose") == "stop" else "was accepted"
        because = _WHY.get(why, "")
    else:
        done = "got no decision" if status == "Undecided" else f"was refused ({status})"
        stored = f"{status} is what is stored of the token" if why == "stored" else ""
        because = _WHY.get(why, stored)
    return f"{token} {done}{at}" + (f": {because}." if because else ".")


def _of_transaction(about: Detail) -> tuple[str, Detail]:
    whole = about.get("transaction", {})
    return f"transaction {about.get('transaction_id', '')}", whole


def _transaction_started(about: Detail) -> str:
    name, _ = _of_transaction(about)
    token = f"with token {about['id_token']}" if "id_token" in about else "without an accepted token"
    remote = "after a remote start" if "remote_start_id" in about else ""
    return _joined(name, "started at", _place(about), token, remote) + "."


def _energy(about: Detail) -> str:
    wh = about.get("energy_wh")
    return "" if wh is None else f" with {wh / 1000:.3f} kWh"


def _transaction_ended(about: Detail) -> str:
    name, whole = _of_transaction(about)
    told = f"{name} ended at {_place(whole)}{_energy(about)}"
    if "close_reason" in whole:
        return f"{told}: it was closed here, {whole['close_reason']}."
    return told + (f": {about['stopped_reason']}." if "stopped_reason" in about else ".")


def _transaction_corrected(about: Detail) -> str:
    name, _ = _of_transaction(about)
    return f"{name} was corrected after its end: it is now{_energy(about) or ' without energy'}."


_OUTCOMES = {
    "timeout": "the station did not answer in time",
    "unknown": "the connection ended before the answer, so nobody knows whether it was done",
    "not_connected": "it was never sent, for the station was not connected",
}


def _command_completed(about: Detail) -> str:
    action, by = about.get("action", ""), about.get("requested_by")
    who = f"{by} asked for {action}" if by else f"{action} was asked of the station"
    outcome = about.get("outcome", "")
    if outcome == "result":
        told = f"it answered {about['status']}" if "status" in about else "it answered"
    elif outcome == "error":
        told = _joined("the answer is an error,", about.get("error_code", "of no name"))
    else:
        told = _OUTCOMES.get(outcome, str(outcome))
    return f"{who}: {told}."


_MOST_NAMES = 3
_LONGEST_VALUE = 60


def _setting(value: Detail) -> str:
    new = value.get("value")
    name = _joined(value.get("component", ""), value.get("variable", ""))
    return f"{name} (its value is not shown)" if new is None or len(new) > _LONGEST_VALUE else f"{name} = {new}"


def _configuration_changed(about: Detail) -> str:
    values = about.get("values", [])
    shown = [_setting(value) for value in values[:_MOST_NAMES]]
    more = about.get("count", len(values)) - len(shown)
    return "The station took new settings: " + ", ".join(shown) + (f" and {more} more." if more > 0 else ".")


def _station_changed(about: Detail) -> str:
    return f"An operator {about.get('change', 'changed')} the station here."


def _profile_changed(about: Detail) -> str:
    return f"The station's security profile went from {about.get('from_profile', 0)} to {about.get('to_profile', 0)}."


def _password_changed(about: Detail) -> str:
    done = "set a new password for" if about.get("password_set") else "deleted the password of"
    return f"An operator {done} the station."


def _certificate_issued(about: Detail) -> str:
    until = about.get("not_after_ms")
    valid = f", valid until {from_ms(until):%Y-%m-%d}" if until else ""
    return f"A certificate was signed for the station{valid}."


def _certificate_refused(about: Detail) -> str:
    return f"The station got no certificate: {about.get('reason') or 'no reason is known'}."


def _certificate_revoked(about: Detail) -> str:
    return f"A certificate of the station was revoked: {about.get('reason') or 'no reason is known'}."


def _availability_ordered(about: Detail) -> str:
    done = "back into service" if about.get("operative") else "out of service"
    later = ", as soon as nobody charges there" if about.get("status") == "Scheduled" else ""
    return f"An operator took {_place(about)} {done}{later}."


_NOTIFICATIONS = {
    "SecurityEventNotification": lambda payload: f"The station told of a security event: {payload.get('type', '')}",
    "FirmwareStatusNotification": lambda payload: f"The firmware update is now {payload.get('status', '')}",
    "LogStatusNotification": lambda payload: f"The upload of a log is now {payload.get('status', '')}",
    "DiagnosticsStatusNotification": lambda payload: f"The upload of a log is now {payload.get('status', '')}",
}


def _told_problem(payload: Detail) -> str:
    found = list(problems(payload))
    if not found:
        return ""
    evse = found[0]["component"].get("evse", {})
    place = _place({"evse_id": evse.get("id", 0), "connector_id": evse.get("connectorId", 0)})
    code = f": {found[0]['techCode']}" if found[0].get("techCode") else ""
    more = f", and of {len(found) - 1} more" if len(found) > 1 else ""
    return f"The station told of a problem{code} at {place}{more}."


def _station_notified(about: Detail) -> str:
    action, payload = about.get("action", ""), about.get("payload")
    write = _NOTIFICATIONS.get(action)
    if write is not None and isinstance(payload, Mapping):
        return write(payload) + "."
    problem = _told_problem(payload) if action == NOTIFY_EVENT and isinstance(payload, Mapping) else ""
    return problem or f"The station sent {action}."


def _report_completed(about: Detail) -> str:
    return f"A report of the station is complete: {about.get('entries', 0)} entries."


_REFUSED = 400


def _asked_for(about: Detail) -> str:
    status = about.get("status", 0)
    done = f"it was refused ({status})" if status >= _REFUSED else "it was done" if status else "nobody waited for it"
    return f"{about.get('principal', '')} asked for {about.get('method', '')} {about.get('path', '')}: {done}."


_WRITE: Mapping[str, Callable[[Detail], str]] = {
    "station_connected": _connected,
    "station_disconnected": _disconnected,
    "connection_refused": _refused,
    "station_booted": _booted,
    "connector_status_changed": _status_changed,
    "station_notified": _station_notified,
    "authorization_decided": _authorization_decided,
    "transaction_started": _transaction_started,
    "transaction_ended": _transaction_ended,
    "transaction_updated": _transaction_corrected,
    "command_completed": _command_completed,
    "report_completed": _report_completed,
    "configuration_changed": _configuration_changed,
    "station_changed": _station_changed,
    "security_profile_changed": _profile_changed,
    "password_changed": _password_changed,
    "certificate_issued": _certificate_issued,
    "certificate_refused": _certificate_refused,
    "certificate_revoked": _certificate_revoked,
    "availability_ordered": _availability_ordered,
    "asked_for": _asked_for,
}
