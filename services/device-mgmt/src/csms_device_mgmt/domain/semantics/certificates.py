"""Rules of certificates on stations (M04, M05)."""

from collections.abc import Collection, Iterator

from csms_device_mgmt.domain.device_model import JsonObject
from csms_device_mgmt.domain.semantics.finding import Finding

PEM = "-----BEGIN CERTIFICATE-----"
HASH_DATA = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")


def install_certificate(payload: JsonObject) -> Iterator[Finding]:
    """M05.FR.01: a certificate is PEM."""
    if not payload["certificate"].lstrip().startswith(PEM):
        yield Finding("/certificate", "the certificate is PEM, as the station can read nothing else (M05.FR.01)")


def deletion(payload: JsonObject, known: Collection[JsonObject]) -> Iterator[Finding]:
    """M04.FR.07: what is deleted is named exactly as the station named it last, `known` being all it named."""
    wanted = _identity(payload["certificateHashData"])
    if wanted not in map(_identity, known):
        detail = "the station named no such certificate; ask it again and use its own hash data (M04.FR.07)"
        yield Finding("/certificateHashData", detail)


def _identity(hash_data: JsonObject) -> tuple[str, ...]:
    return tuple(hash_data[name] for name in HASH_DATA)
