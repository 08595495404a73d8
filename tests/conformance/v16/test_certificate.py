"""OCPP 1.6: TC_074, a station's certificate is updated by request of the CSMS."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from csms_testing.conformance.v16 import booted
from csms_testing.csrs import csr_pem
from csms_testing.pki import Issued, new_key

ACCEPTED = {"status": "Accepted"}


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), new_key("rsa")], ids=["ecdsa", "rsa"])
async def test_tc_074_csms(system, operator, secured_connect, serial_number, key):
    station_id = secured_connect.station_id
    wanted = {"requestedMessage": "SignChargePointCertificate"}
    async with secured_connect() as station:
        await booted(station, chargePointSerialNumber=serial_number)
        async with operator.calling(station_id, "ExtendedTriggerMessage", wanted) as pending:
            assert await station.reply("ExtendedTriggerMessage", ACCEPTED) == wanted
        assert pending.response == ACCEPTED
        csr = csr_pem(serial_number, organization="CSMS", key=key)
        assert await station.call("SignCertificate", {"csr": csr}) == ACCEPTED
        request = await station.reply("CertificateSigned", ACCEPTED)
        assert request.keys() == {"certificateChain"}
        leaf, *above = x509.load_pem_x509_certificates(request["certificateChain"].encode())
        assert leaf.public_key() == key.public_key()
        (name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert name.value == serial_number

        async def taken():
            (shown,) = await operator.items("/certificates", station_id=station_id)
            return shown["state"] == "Accepted"

        await operator.eventually(taken)
    renewed = secured_connect.with_tls(system.pki.context(Issued(leaf, key, tuple(above))), password=None)
    async with renewed() as station:
        await booted(station, chargePointSerialNumber=serial_number)


async def test_tc_074_csms_a_csr_of_another_is_rejected(secured_connect, serial_number):
    async with secured_connect() as station:
        await booted(station, chargePointSerialNumber=serial_number)
        csr = csr_pem("SN-of-another", organization="CSMS", key=new_key())
        assert await station.call("SignCertificate", {"csr": csr}) == {"status": "Rejected"}
