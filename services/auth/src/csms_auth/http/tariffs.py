"""A driver's own tariff, as callers give it: OCPP 2.1's TariffType (I08)."""

from typing import Any

import orjson
from csms_runtime.http.problems import FieldError, invalid_request

from csms_auth.versions import tariff_violations

TARIFF_BYTES = 8192
"""How long its JSON may be: a look-up of tokens reads it, whichever station asks."""


def check(tariff: dict[str, Any], before: object) -> None:
    """Raise Problem 422 for a tariff that no station could be told. `before`: the one that the token had."""
    found = errors(tariff, before)
    if found:
        raise invalid_request(found)


def errors(tariff: dict[str, Any], before: object) -> list[FieldError]:
    """Return why no station could be told a tariff; `before`: the one that the token had."""
    violations = tariff_violations(tariff)
    if violations:
        return [FieldError(*named) for violation in violations for named in violation.by_field()]
    if len(orjson.dumps(tariff)) > TARIFF_BYTES:
        return [FieldError("/tariff", f"its JSON is longer than {TARIFF_BYTES} bytes")]
    if "validFrom" in tariff:
        return [FieldError("/tariff/validFrom", "the tariff of a driver has none (I08.FR.09)")]
    if isinstance(before, dict) and before != tariff and before["tariffId"] == tariff["tariffId"]:
        return [FieldError("/tariff/tariffId", "the tariff before has this id, and says something else (I08.FR.08)")]
    return []
