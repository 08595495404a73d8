"""Reads the URL of a QR code that a station shows (C25.FR.09, C25.FR.50 to .60 of OCPP 2.1). Pure."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from csms_ocpp.station_ids import fault_of
from csms_runtime.money import amount_of

STATION, EVSE, CODE, VERSION = "{chargingstationid}", "{evse}", "{totp}", "{version}"
NEEDED = (STATION, CODE, VERSION)
_NUMBER = re.compile(r"[0-9]{1,10}")
_MOST = 2_147_483_647


class BadUrlError(ValueError):
    """The URL is none of a QR code of ours; the argument says why."""


class WebPaymentUrl(NamedTuple):
    """What the URL of a QR code says."""

    station_id: str
    evse_id: int | None
    code: str
    version: str
    """Of the algorithm that made the code."""
    limit: Mapping[str, float]
    """OCPP's TransactionLimitType: what the driver wishes to take at most; empty: no limit."""


def read(url: str, template: str) -> WebPaymentUrl:
    """Read a URL by the path of the template. Raises BadUrlError. Parameters that nobody knows are ignored."""
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query, keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise BadUrlError("it is no URL") from error
    found = _in_path(parts.path, template)
    station_id = found[STATION]
    if fault := fault_of(station_id):
        raise BadUrlError(f"the identity of the station {fault}")
    evse_id = None if EVSE not in found else _number(found[EVSE], "the EVSE")
    return WebPaymentUrl(station_id, evse_id, found[CODE], found[VERSION], _limit(query))


def _in_path(path: str, template: str) -> Mapping[str, str]:
    names, values = (text.strip("/").split("/") for text in (template, path))
    if len(names) != len(values):
        raise BadUrlError(f"its path is not like {template}")
    found: dict[str, str] = {}
    for name, value in zip(names, map(unquote, values), strict=True):
        if name in {STATION, EVSE, CODE, VERSION}:
            found[name] = value
        elif name != value:
            raise BadUrlError(f"its path is not like {template}")
    return found


def _number(text: str, what: str) -> int:
    number = int(text) if _NUMBER.fullmatch(text) else 0
    if not 0 < number <= _MOST:
        raise BadUrlError(f"{what} is no number above 0")
    return number


def _cost(text: str, what: str) -> float:
    amount = amount_of(text)
    if amount is None or amount <= 0:
        raise BadUrlError(f"{what} is no amount above 0")
    return float(amount)


_LIMITS: Mapping[str, tuple[str, Callable[[str, str], float]]] = {
    "maxcost": ("maxCost", _cost),
    "maxenergy": ("maxEnergy", _number),
    "maxtime": ("maxTime", _number),
}
"""The query parameters, which the CSMS has to take (C25.FR.59)."""


def _limit(query: Mapping[str, list[str]]) -> dict[str, float]:
    limit: dict[str, float] = {}
    for name, (limit_name, reads) in _LIMITS.items():
        values = query.get(name, [])
        if len(values) > 1:
            raise BadUrlError(f"{name} is there twice")
        if values:
            limit[limit_name] = reads(values[0], name)
    return limit
