"""Rules of certificates on stations (M04)."""

from collections.abc import Collection, Iterator

from csms_device_mgmt.domain.device_model import JsonObject
from csms_device_mgmt.domain.semantics.finding import Finding

HASH_DATA = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")


def deletion(payload: JsonObject, known: Collection[JsonObject]) -> Iterator[Finding]:
    """M04.FR.07: a certificate is named exactly as the station named it last, `known` being all it named.

    A certificate that the station never named is for the station to judge (NotFound).
    """
    wanted = payload["certificateHashData"]
    alike = [named for named in known if named["serialNumber"] == wanted["serialNumber"]]
    if alike and _identity(wanted) not in map(_identity, alike):
        detail = "the station named this certificate with other hash data; use exactly those (M04.FR.07)"
        yield Finding("/certificateHashData", detail)


def _identity(hash_data: JsonObject) -> tuple[str, ...]:
    return tuple(hash_data[name] for name in HASH_DATA)
