"""A02, M03-M05: a simple certificate store and real certificate signing requests (made by the openssl program)."""

import asyncio
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import answer, notify
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_PEM = "-----BEGIN CERTIFICATE-----"


def certificate_signed(station: "Station", request: Json) -> Reply:
    """A02.FR.06: keep the chain; what is no certificate is refused."""
    if not request["certificateChain"].lstrip().startswith(_PEM):
        return answer("Rejected", reason="InvalidCertificate")
    kind = request.get("certificateType", "ChargingStationCertificate")
    station.features.signed_chains[kind] = request["certificateChain"]
    return answer("Accepted")


def install_certificate(station: "Station", request: Json) -> Reply:
    """M05."""
    if not request["certificate"].lstrip().startswith(_PEM):
        return answer("Rejected", reason="InvalidCertificate")
    store = station.features.certificates
    if len(store) >= (_limit(station)):
        return answer("Rejected", reason="StorageFull")
    entry = {"certificateType": request["certificateType"], "certificateHashData": _hash_data(request["certificate"])}
    if entry not in store:
        store.append(entry)
    station.model.write("SecurityCtrlr", "CertificateEntries", str(len(store)))
    return answer("Accepted")


def _limit(station: "Station") -> int:
    return int(station.model.maximum("SecurityCtrlr", "CertificateEntries") or 20)


def _hash_data(pem: str) -> Json:
    """Stands in for the OCSP-style hashes: the CSMS must hand back what it was given, never compute it (M04.FR.07)."""
    digests = [hashlib.sha256(f"{part}:{pem.strip()}".encode()).hexdigest() for part in ("name", "key", "serial")]
    name, key, serial = digests
    return {"hashAlgorithm": "SHA256", "issuerNameHash": name, "issuerKeyHash": key, "serialNumber": serial[:16]}


def get_installed_certificate_ids(station: "Station", request: Json) -> Reply:
    """M03."""
    types = request.get("certificateType")
    found = [entry for entry in station.features.certificates if types is None or entry["certificateType"] in types]
    return answer("Accepted", certificateHashDataChain=found) if found else answer("NotFound")


def delete_certificate(station: "Station", request: Json) -> Reply:
    """M04."""
    store = station.features.certificates
    left = [entry for entry in store if entry["certificateHashData"] != request["certificateHashData"]]
    if len(left) == len(store):
        return answer("NotFound")
    station.features.certificates = left
    station.model.write("SecurityCtrlr", "CertificateEntries", str(len(left)))
    return answer("Accepted")


def can_sign() -> bool:
    """Whether signing requests can be made here."""
    return shutil.which("openssl") is not None


async def sign_certificate(station: "Station", certificate_type: str | None) -> None:
    """A02, A03: send a CSR for a new key; without type it is meant for both uses."""
    organization = station.model.read("SecurityCtrlr", "OrganizationName")
    csr = await _make_csr(f"/O={organization}/CN={station.serial_number}")
    kind = {} if certificate_type is None else {"certificateType": certificate_type}
    await notify(station, "SignCertificate", {"csr": csr, **kind})


async def _make_csr(subject: str) -> str:
    with tempfile.TemporaryDirectory() as directory:
        key, csr = Path(directory) / "key.pem", Path(directory) / "request.pem"
        make_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key)]
        process = await asyncio.create_subprocess_exec(
            "openssl", "req", "-new", *make_key, "-subj", subject, "-out", str(csr), stderr=asyncio.subprocess.PIPE
        )
        _, errors = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"openssl could not make a signing request: {errors.decode()}")
        return csr.read_text()
