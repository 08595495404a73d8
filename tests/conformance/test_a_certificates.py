"""TC_A_11, TC_A_12, TC_A_14: a station's certificate is updated by request of the CSMS (A02)."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from csms_testing.conformance import Connector, Operator, Station
from csms_testing.conformance.states import booted
from csms_testing.csrs import csr_pem
from csms_testing.pki import Issued, Key, new_key
from csms_testing.systems import System
from websockets.frames import CloseCode

FORBIDDEN = 403
ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidCertificate"}}
STATION, V2G = "ChargingStationCertificate", "V2GCertificate"


@dataclass(slots=True)
class Renewal:
    """A station with a certificate that gets another one."""

    system: System
    operator: Operator
    connect: Connector
    serial_number: str
    key: Key = field(default_factory=new_key)

    async def trigger(self, station: Station, message: str) -> None:
        """The operator asks for it (F06)."""
        station_id, wanted = self.connect.station_id, {"requestedMessage": message}
        async with self.operator.calling(station_id, "TriggerMessage", wanted) as pending:
            assert await station.expect("TriggerMessage") == wanted
            await station.answer(ACCEPTED)
        assert pending.response == ACCEPTED

    async def ask(self, station: Station, kind: str = STATION, csr: str | None = None) -> dict[str, Any]:
        """The station asks for a certificate for its new key; return the CSMS's answer."""
        text = csr or csr_pem(self.serial_number, organization="CSMS", key=self.key)
        return await station.call("SignCertificate", {"csr": text, "certificateType": kind})

    async def signed(self, station: Station, kind: str = STATION) -> list[x509.Certificate]:
        """Wait for the chain; answer it with `station.answer`."""
        request = await station.expect("CertificateSigned")
        assert request["certificateType"] == kind
        assert len(request["certificateChain"]) <= 10_000
        return x509.load_pem_x509_certificates(request["certificateChain"].encode())

    async def checked(self, chain: list[x509.Certificate], kind: str = STATION) -> None:
        """The leaf is first and for the station's key and name; the chain ends below the root that the API shows."""
        leaf, *above = chain
        assert leaf.public_key() == self.key.public_key()
        assert text_of(leaf, NameOID.COMMON_NAME) == self.serial_number
        assert text_of(leaf, NameOID.ORGANIZATION_NAME) == "CSMS"
        shown = await self.operator.get("/certificate-authority")
        roots = x509.load_pem_x509_certificates(shown["roots"][kind].encode())
        for below, issuer in zip(chain, [*above, *roots], strict=True):
            below.verify_directly_issued_by(issuer)

    def renewed(self, chain: list[x509.Certificate]) -> Connector:
        """The station as it connects with the new certificate."""
        leaf, *above = chain
        return self.connect.with_tls(self.system.pki.context(Issued(leaf, self.key, tuple(above))), password=None)

    async def revoke(self, certificate_id: str) -> None:
        """Say that others have the key."""
        body = {"reason": "keyCompromise"}
        async with self.operator.posting(f"/certificates/{certificate_id}/revocation", body) as done:
            pass
        assert done.body["state"] == "Revoked"

    async def certificate(self, **wanted: Any) -> dict[str, Any]:
        """The newest certificate, once it is as it should be."""

        async def look() -> dict[str, Any] | None:
            items = await self.operator.items("/certificates", station_id=self.connect.station_id)
            return items[0] if items and items[0].items() >= wanted.items() else None

        return await self.operator.eventually(look)


def text_of(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    (attribute,) = certificate.subject.get_attributes_for_oid(oid)
    return str(attribute.value)


@pytest.fixture
def renewal(system, operator, secured_connect, serial_number):
    return Renewal(system, operator, secured_connect, serial_number)


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), new_key("rsa")], ids=["ecdsa", "rsa"])
async def test_tc_a_11_csms(renewal, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
    renewal.key = key
    async with renewal.connect() as station:
        await booted(station, serialNumber=renewal.serial_number)
        await renewal.trigger(station, "SignChargingStationCertificate")
        assert await renewal.ask(station) == ACCEPTED
        chain = await renewal.signed(station)
        await station.answer(ACCEPTED)
        await renewal.checked(chain)
        await renewal.certificate(state="Accepted")
        await station.expect_nothing()
    # The station reconnects with the new certificate (errata 2024-09) and ends connected.
    async with renewal.renewed(chain)() as station:
        await booted(station, serialNumber=renewal.serial_number)
        await station.expect_nothing()
        shown = await renewal.operator.station(renewal.connect.station_id)
        assert shown["connected"]


async def test_tc_a_11_csms_the_old_certificate_is_good_until_the_new_one_works(renewal):
    async with renewal.connect() as station:
        await booted(station, serialNumber=renewal.serial_number)
        await renewal.trigger(station, "SignChargingStationCertificate")
        await renewal.ask(station)
        await renewal.signed(station)
        await station.answer(ACCEPTED)
    async with renewal.connect() as station:
        await booted(station, serialNumber=renewal.serial_number)


async def test_tc_a_11_csms_a_repeated_csr_is_signed_once(renewal):
    """The station repeats its CSR when CertificateSigned is late (A02.FR.17)."""
    async with renewal.connect() as station:
        await booted(station, serialNumber=renewal.serial_number)
        assert await renewal.ask(station) == ACCEPTED
        first = await renewal.signed(station)
        assert await renewal.ask(station) == ACCEPTED  # before it has answered
        await station.answer(ACCEPTED)
        await renewal.certificate(state="Accepted")
        assert await renewal.ask(station) == ACCEPTED  # and once more: it has lost it
        assert await renewal.signed(station) == first
        await station.answer(ACCEPTED)
        items = await renewal.operator.items("/certificates", station_id=renewal.connect.station_id)
        assert len(items) == 1


async def test_tc_a_11_csms_a_station_that_is_away_gets_it_when_it_is_back(renewal):
    async with renewal.connect(quiet=False) as station:
        await booted(station, serialNumber=renewal.serial_number)
        assert await renewal.ask(station) == ACCEPTED
        await renewal.signed(station)
        await station.socket.close()  # without an answer
    async with renewal.connect() as station:
        await booted(station, serialNumber=renewal.serial_number)
        # The outcome of the first attempt and the connection may come in either order: at the latest after a pause.
        chain = await renewal.signed(station)
        await station.answer(ACCEPTED)
        await renewal.certificate(state="Accepted")
    async with renewal.renewed(chain)() as station:
        await booted(station, serialNumber=renewal.serial_number)


async def test_tc_a_11_csms_a_revoked_certificate_lets_nobody_in(renewal):
    async with renewal.connect() as station:
        await booted(station, serialNumber=renewal.serial_number)
        await renewal.ask(station)
        chain = await renewal.signed(station)
        await station.answer(ACCEPTED)
        shown = await renewal.certificate(state="Accepted")
    new = renewal.renewed(chain)
    async with new() as station:
        await booted(station, serialNumber=renewal.serial_number)
    await renewal.revoke(shown["id"])
    assert await new.refused() == FORBIDDEN
    async with renewal.connect() as station:  # with the certificate it had before
        await booted(station, serialNumber=renewal.serial_number)
        assert await renewal.ask(station) == ACCEPTED
        await renewal.operator.eventually(lambda: refused_request(renewal, "no operator has allowed others"))
        bar = f"/certificate-bars/{renewal.connect.station_id}"
        assert (await renewal.operator.client.delete(bar)).status_code == 204
        assert await renewal.ask(station) == ACCEPTED  # for the key that others have
        await renewal.operator.eventually(lambda: refused_request(renewal, "others have the key"))


async def test_tc_a_11_csms_a_revocation_ends_the_connection(renewal):
    async with renewal.connect() as station:
        await booted(station, serialNumber=renewal.serial_number)
        await renewal.ask(station)
        await renewal.signed(station)
        await station.answer(ACCEPTED)  # device-mgmt sent it on this connection: it knows of it
        shown = await renewal.certificate(state="Accepted")
        await renewal.revoke(shown["id"])
        assert await station.closed() == CloseCode.NORMAL_CLOSURE
    closed = await renewal.operator.closed_connection(renewal.connect.station_id)
    assert closed["close_reason"] == "a certificate of the station was revoked"


async def test_tc_a_11_csms_the_connection_of_the_revoked_certificate_is_shown_closed(renewal):
    """The station came with it, so that it is that very connection."""
    async with renewal.connect() as station:
        await booted(station, serialNumber=renewal.serial_number)
        await renewal.ask(station)
        chain = await renewal.signed(station)
        await station.answer(ACCEPTED)
        shown = await renewal.certificate(state="Accepted")
    async with renewal.renewed(chain)() as station:
        await booted(station, serialNumber=renewal.serial_number)
        await renewal.revoke(shown["id"])
        await station.closed()
    closed = await renewal.operator.closed_connection(renewal.connect.station_id)
    assert closed["close_reason"] == "a certificate of the station was revoked"


async def refused_request(renewal: Renewal, reason: str) -> dict[str, Any] | None:
    items = await renewal.operator.items("/certificate-requests", station_id=renewal.connect.station_id)
    return next((item for item in items if item["state"] == "Refused" and reason in item["reason"]), None)


@pytest.mark.parametrize("named", [True, False])
async def test_tc_a_12_csms(renewal, named):
    async with renewal.connect() as station:
        await booted(station, serialNumber=renewal.serial_number)
        await renewal.trigger(station, "SignV2GCertificate")
        names = [renewal.serial_number] if named else []
        assert await renewal.ask(station, V2G, csr_pem(*names, organization="CSMS", key=renewal.key)) == ACCEPTED
        chain = await renewal.signed(station, V2G)
        await station.answer(ACCEPTED)
        await renewal.checked(chain, V2G)
        await renewal.certificate(state="Accepted", certificate_type=V2G)
    assert await renewal.renewed(chain).refused() == 0  # vehicles trust it, the CSMS does not


async def test_tc_a_14_csms(renewal):
    async with renewal.connect() as station:
        await booted(station, serialNumber=renewal.serial_number)
        await renewal.trigger(station, "SignChargingStationCertificate")
        assert await renewal.ask(station) == ACCEPTED
        await renewal.signed(station)
        await station.answer(REJECTED)
        event = {"type": "InvalidChargingStationCertificate", "timestamp": "2026-01-01T00:00:00Z"}
        assert await station.call("SecurityEventNotification", event) == {}
        shown = await renewal.certificate(state="Rejected")
        assert "InvalidCertificate" in shown["reason"]
        await station.expect_nothing()  # it is not offered again
    async with renewal.connect() as station:  # with the old certificate
        await booted(station, serialNumber=renewal.serial_number)
        await station.expect_nothing()


async def test_tc_a_14_csms_the_station_answers_with_an_error(renewal):
    async with renewal.connect(quiet=False) as station:
        await booted(station, serialNumber=renewal.serial_number)
        assert await renewal.ask(station) == ACCEPTED
        await renewal.signed(station)
        await station.answer_error("InternalError")
        await renewal.certificate(state="Issued", reason="the station answered InternalError: ")
    async with renewal.connect(quiet=False) as station:
        await booted(station, serialNumber=renewal.serial_number)


@pytest.mark.parametrize("other", ["SN-of-another", "", "*"])
async def test_tc_a_14_csms_a_csr_in_another_name_is_rejected(renewal, other):
    async with renewal.connect() as station:
        await booted(station, serialNumber=renewal.serial_number)
        answer = await renewal.ask(station, csr=csr_pem(*filter(None, [other]), organization="CSMS"))
        assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "InvalidCSR")
        await station.expect_nothing()
        assert await refused_request(renewal, "serial number") is not None


async def test_tc_a_14_csms_a_bad_csr_is_rejected(renewal):
    async with renewal.connect() as station:
        await booted(station, serialNumber=renewal.serial_number)
        for bad in ("PEM", csr_pem(renewal.serial_number)[:-100]):
            answer = await renewal.ask(station, csr=bad)
            assert answer["statusInfo"]["reasonCode"] == "InvalidCSR"
        await station.expect_nothing()


async def test_a_station_without_a_serial_number_gets_no_certificate(connect):
    async with connect() as station:
        await booted(station)
        csr = csr_pem("whoever")
        answer = await station.call("SignCertificate", {"csr": csr, "certificateType": STATION})
        assert answer["status"] == "Rejected"
        assert "no serial number is registered" in answer["statusInfo"]["additionalInfo"]
