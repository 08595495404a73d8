"""Block M: certificates on a station, installed, asked for, deleted in its own words; the status of certificates."""

import base64

import pytest
from cryptography.x509 import ocsp
from csms_testing.ocsp import responder as ocsp_responder
from csms_testing.pki import Authority

PEM = "-----BEGIN CERTIFICATE-----\n" + "MIIBszCCAVqgAwIBAgIB\n" * 40 + "-----END CERTIFICATE-----\n"
CSMS_ROOT, MANUFACTURER_ROOT = "CSMSRootCertificate", "ManufacturerRootCertificate"
ALGORITHMS = {"SHA256": 64, "SHA384": 96, "SHA512": 128}


def hash_data(algorithm="SHA256", serial="0A1b"):
    """In mixed case and with leading zeros, as stations may write it: it must come back like this."""
    digits = ALGORITHMS[algorithm]
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": "0aF" + "1" * (digits - 3),
        "issuerKeyHash": "0Be" + "2" * (digits - 3),
        "serialNumber": serial,
    }


def chain(kind=CSMS_ROOT, data=None, **more):
    return {"certificateType": kind, "certificateHashData": data or hash_data(), **more}


class Certificates:
    """What the operator does about a station's certificates while the test plays the station."""

    def __init__(self, operator, station):
        self.operator, self.station = operator, station
        self.station_id = station.station_id

    async def install(self, kind, answer="Accepted"):
        request = {"certificateType": kind, "certificate": PEM}
        response = await self._exchange("InstallCertificate", request, {"status": answer})
        assert response == {"status": answer}
        await self.station.expect_nothing()

    async def ask(self, *chains, types=None):
        """GetInstalledCertificateIds; no chains: NotFound."""
        request = {"certificateType": list(types)} if types else {}
        answer = {"status": "Accepted", "certificateHashDataChain": list(chains)} if chains else {"status": "NotFound"}
        assert await self._exchange("GetInstalledCertificateIds", request, answer) == answer

    async def delete(self, data, answer="Accepted"):
        response = await self._exchange("DeleteCertificate", {"certificateHashData": data}, {"status": answer})
        assert response == {"status": answer}

    async def refused_deletion(self, data):
        """The deletion is a 422 and never reaches the station."""
        async with self.operator.calling(
            self.station_id, "DeleteCertificate", {"certificateHashData": data}
        ) as pending:
            pass
        assert pending.http_status == 422
        (error,) = pending.body["errors"]
        assert error["pointer"] == "/certificateHashData"
        assert "M04.FR.07" in error["detail"]
        await self.station.expect_nothing()

    async def shown(self):
        items = await self.operator.items(f"/stations/{self.station_id}/installed-certificates")
        return [(item["certificate_type"], item["certificate_hash_data"]) for item in items]

    async def _exchange(self, action, request, answer):
        async with self.operator.calling(self.station_id, action, request) as pending:
            assert await self.station.reply(action, answer) == request
        return pending.response


@pytest.fixture
def certificates(operator, station):
    return Certificates(operator, station)


async def test_tc_m_01_csms(certificates):
    await certificates.install(CSMS_ROOT)


async def test_tc_m_02_csms(certificates):
    await certificates.install(MANUFACTURER_ROOT)


async def test_tc_m_05_csms(certificates):
    await certificates.install(CSMS_ROOT, "Failed")
    assert await certificates.shown() == []


async def test_tc_m_12_csms(certificates):
    for algorithm in ALGORITHMS:
        await certificates.ask(chain(data=hash_data(algorithm)), types=[CSMS_ROOT])
        assert await certificates.shown() == [(CSMS_ROOT, hash_data(algorithm))]


async def test_tc_m_13_csms(certificates):
    await certificates.ask(chain(MANUFACTURER_ROOT), types=[MANUFACTURER_ROOT])
    assert await certificates.shown() == [(MANUFACTURER_ROOT, hash_data())]


async def test_tc_m_17_csms(certificates):
    chains = [chain(CSMS_ROOT), chain(MANUFACTURER_ROOT, hash_data(serial="0C"))]
    await certificates.ask(*chains, types=[CSMS_ROOT, MANUFACTURER_ROOT])
    assert await certificates.shown() == [(CSMS_ROOT, hash_data()), (MANUFACTURER_ROOT, hash_data(serial="0C"))]


async def test_tc_m_18_csms(certificates, operator, station_id):
    child = hash_data("SHA512", "02")
    chains = [
        chain(CSMS_ROOT),
        chain(MANUFACTURER_ROOT, hash_data(serial="0C")),
        chain("V2GCertificateChain", hash_data("SHA384"), childCertificateHashData=[child]),
    ]
    await certificates.ask(*chains)
    items = await operator.items(f"/stations/{station_id}/installed-certificates")
    assert [item["certificate_type"] for item in items] == [one["certificateType"] for one in chains]
    assert items[2]["child_certificate_hash_data"] == [child]


async def test_tc_m_18_csms_empty_list_is_not_sent(operator, station, station_id):
    async with operator.calling(station_id, "GetInstalledCertificateIds", {"certificateType": []}) as pending:
        pass
    assert pending.http_status == 422
    await station.expect_nothing()


async def test_tc_m_19_csms(certificates):
    await certificates.ask(chain(CSMS_ROOT), chain(MANUFACTURER_ROOT))
    await certificates.ask(types=[MANUFACTURER_ROOT])
    assert await certificates.shown() == [(CSMS_ROOT, hash_data())]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_tc_m_20_csms(certificates, algorithm):
    data = hash_data(algorithm)
    await certificates.install(CSMS_ROOT)
    await certificates.ask(chain(data=data), types=[CSMS_ROOT])
    for others in (
        hash_data("SHA512" if algorithm == "SHA256" else "SHA256"),
        {**data, "issuerKeyHash": data["issuerKeyHash"].lower()},
    ):
        await certificates.refused_deletion(others)
    (_, named), *_ = await certificates.shown()
    await certificates.delete(named)
    assert named == data
    assert await certificates.shown() == []


async def test_tc_m_20_csms_below_another(certificates, operator, station_id):
    child = hash_data("SHA384", "02")
    await certificates.ask(chain("V2GCertificateChain", childCertificateHashData=[child]))
    await certificates.delete(child)
    (item,) = await operator.items(f"/stations/{station_id}/installed-certificates")
    assert item["child_certificate_hash_data"] == []
    await certificates.delete(hash_data(), "NotFound")
    assert await certificates.shown() == []


async def test_tc_m_21_csms(certificates):
    await certificates.install(CSMS_ROOT)
    await certificates.ask(chain(), types=[CSMS_ROOT])
    await certificates.delete(hash_data(), "Failed")
    assert await certificates.shown() == [(CSMS_ROOT, hash_data())]


@pytest.fixture
async def responder():
    """A responder for the certificates of a V2G sub-CA, and of that by its root."""
    root = Authority("V2G root")
    async with ocsp_responder(Authority("V2G sub-CA", root)) as below, ocsp_responder(root) as above:
        yield below, above


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_tc_m_24_csms(station, responder, algorithm):
    """Several requests in a row: for the station's certificate and for the sub-CA's."""
    below, above = responder
    leaf = below.authority.issue("SN-1").certificate
    for server, certificate in ((below, leaf), (above, below.authority.certificate)):
        data = server.question(certificate, algorithm)
        answer = await station.call("GetCertificateStatus", {"ocspRequestData": data})
        assert answer["status"] == "Accepted"
        status = ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"], validate=True))
        assert status.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
        assert status.serial_number == certificate.serial_number
        assert status.certificate_status is ocsp.OCSPCertStatus.GOOD
        assert status.issuer_key_hash.hex() == data["issuerKeyHash"]
    await station.expect_nothing()


async def test_tc_m_24_csms_of_a_revoked_certificate(station, responder):
    server, _ = responder
    certificate = server.authority.issue("SN-1").certificate
    server.revoked.add(certificate.serial_number)
    answer = await station.call("GetCertificateStatus", {"ocspRequestData": server.question(certificate)})
    status = ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"]))
    assert status.certificate_status is ocsp.OCSPCertStatus.REVOKED


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest/meta-data", "http://10.0.0.1/", "file:///etc/passwd"])
async def test_tc_m_24_csms_nothing_in_our_own_network_is_asked(station, responder, url):
    server, _ = responder
    data = server.question(server.authority.issue("SN-1").certificate, responderURL=url)
    answer = await station.call("GetCertificateStatus", {"ocspRequestData": data})
    assert answer["status"] == "Failed"
    assert "ocspResult" not in answer
