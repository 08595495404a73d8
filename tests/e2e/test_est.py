"""A certificate authority outside (EST): a station gets its certificate from there and is let in with it."""

import json

from cryptography import x509
from csms_testing.conformance import Connector, Operator
from csms_testing.conformance.states import booted
from csms_testing.csrs import csr_pem
from csms_testing.est import est_server
from csms_testing.pki import Issued, Pki, new_key
from csms_testing.secured import secured
from csms_testing.systems import standalone

ACCEPTED = {"status": "Accepted"}


async def test_a_station_is_let_in_with_what_the_authority_outside_has_signed(tmp_path):
    security = await secured(tmp_path)
    outside = Pki(tmp_path / "outside")
    async with est_server(outside) as server:
        root = tmp_path / "est-root.pem"
        root.write_bytes(server.root.pem)
        settings = {
            "CSMS_PKI_EST_URL": server.url,
            "CSMS_PKI_EST_CAS": str(outside.root_file),
            "CSMS_OCPP_TLS_CLIENT_CAS": json.dumps([str(security.pki.root_file), str(root)]),
        }
        async with standalone(tmp_path, security, **settings) as system, system.client() as client:
            operator, key = Operator(client), new_key()
            await operator.put_station("CS-EST", security_profile=3, serial_number="SN-1")
            before = security.pki.context(security.pki.client("SN-1"))
            connect = Connector(system.ocpp_tls_urls, "CS-EST", context=before)
            async with connect() as station:
                await booted(station)
                csr = csr_pem("SN-1", organization="CSMS", key=key)
                assert await station.call("SignCertificate", {"csr": csr}) == ACCEPTED
                request = await station.reply("CertificateSigned", ACCEPTED)
            leaf, *above = x509.load_pem_x509_certificates(request["certificateChain"].encode())
            assert above == [server.authority.certificate]
            issued = Issued(leaf, key, tuple(above))
            async with connect.with_tls(security.pki.context(issued), password=None)() as station:
                await booted(station)
            shown = (await operator.get("/certificate-authority"))["roots"]
            assert (
                x509.load_pem_x509_certificate(shown["ChargingStationCertificate"].encode()) == server.root.certificate
            )
