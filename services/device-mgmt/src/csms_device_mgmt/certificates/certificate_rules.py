"""Rules of certificates on stations (M04, M05)."""

import binascii
import re
from base64 import b64decode
from collections.abc import Collection, Iterator

from csms_device_mgmt.commands.finding import Finding
from csms_device_mgmt.device_model.variable_key import JsonObject

_PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*")
HASH_DATA = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")


def install_certificate(payload: JsonObject) -> Iterator[Finding]:
    """M05: what is installed is a certificate in PEM. Whether it is a good one is for the station to say."""
    if not _is_pem(payload["certificate"]):
        yield Finding("/certificate", "one certificate in PEM is needed, between its BEGIN and END lines (M05)")


def _is_pem(text: str) -> bool:
    found = _PEM.fullmatch(text)
    if found is None:
        return False
    try:
        return bool(b64decode("".join(found[1].split()), validate=True))
    except (binascii.Error, ValueError):
        return False


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
