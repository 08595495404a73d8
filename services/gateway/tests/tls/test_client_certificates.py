"""Stations that show a certificate."""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from csms.v1.auth_pb2 import REGISTRATION_STATUS_ACCEPTED, ConnectionDecision
from csms_gateway.tls import CertificateFiles, TlsFiles, failure, make_context
from csms_testing.pki import Authority, Pki
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed, InvalidMessage

if TYPE_CHECKING:
    from conftest import StartTls, Tls

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
UPGRADE = (
    b"GET /ocpp/CS1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n"
)


async def test_a_client_certificate_reaches_auth_whole(tls: "Tls") -> None:
    client = tls.pki.client("SN-1")
    async with tls.station(tls.context(client), password=None):
        request = await tls.request()
        assert (request.security_profile, request.client_certificate) == (3, client.der)
        assert not request.password_digests
        assert (await tls.system.services.connection("CS1")).security_profile == 3


async def test_it_does_so_from_a_resumed_session_too(tls: "Tls", tmp_path: Path) -> None:
    client = tls.pki.client("SN-1")
    files = tls.pki.save("again", client)
    shown = ("-cert", str(files.certificate), "-key", str(files.key), "-cert_chain", str(files.certificate))
    await tls.s_client(*shown, "-ign_eof", "-sess_out", str(tmp_path / "s"), say=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    tls.system.services.decide = lambda _request: ConnectionDecision(allowed=False, http_status=404)
    output = await tls.s_client("-ign_eof", "-sess_in", str(tmp_path / "s"), say=UPGRADE)
    assert "Reused, " in output
    assert (await tls.request()).client_certificate == client.der


@pytest.mark.parametrize("kind", ["unknown", "expired", "future"])
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_a_bad_client_certificate_ends_the_handshake(tls: "Tls", kind: str, version: str) -> None:
    client = getattr(tls.pki, f"{kind}_client")("SN-1")
    context = tls.context(client, maximum_version=ssl.TLSVersion[version])
    with pytest.raises((ssl.SSLError, InvalidMessage, ConnectionClosed, ConnectionResetError)):
        async with tls.station(context, password=None):
            pass
    told = await tls.refusal()
    assert (told.http_status, told.security_event) == (0, "InvalidChargingStationCertificate")
    assert told.reason.startswith("client certificate: ")
    assert tls.requests == []


@pytest.mark.parametrize(
    ("kind", "alert"), [("unknown", "unknown ca"), ("expired", "certificate expired"), ("future", "bad certificate")]
)
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_the_station_is_told_what_is_wrong_with_it(tls: "Tls", kind: str, alert: str, version: str) -> None:
    client = getattr(tls.pki, f"{kind}_client")("SN-1")
    assert f"alert {alert}" in await tls.s_client(version, "-ign_eof", *tls.shown(client))


@pytest.mark.parametrize(
    ("error", "result", "security_event"),
    [
        (ValueError("not UTF-8"), "bad_certificate", "InvalidChargingStationCertificate"),
        (ConnectionResetError(), "abandoned", ""),
        (TimeoutError(), "timeout", ""),
        (ssl.SSLEOFError(8, "EOF"), "abandoned", ""),
        (ssl.SSLError(1, "something new"), "failed", ""),
    ],
)
def test_each_end_of_a_handshake_has_a_name(error: Exception, result: str, security_event: str) -> None:
    why = failure(error)
    assert (why.result, why.security_event) == (result, security_event)


async def test_a_good_one_is_taken_after_a_bad_one(tls: "Tls") -> None:
    await tls.s_client(*tls.shown(tls.pki.expired_client("SN-1")))
    await tls.refusal()
    async with tls.station(tls.context(tls.pki.client("SN-1")), password=None):
        assert (await tls.request()).security_profile == 3


async def test_a_revoked_certificate_is_refused_where_there_is_a_list(start_tls: "StartTls", made_pki: Pki) -> None:
    good, revoked = made_pki.client("SN-1"), made_pki.client("SN-2")
    lists = [made_pki.write("stations.crl", made_pki.stations.crl(revoked))]
    tls = await start_tls(ocpp_tls_client_crls=[str(path) for path in lists])
    await tls.s_client(*tls.shown(revoked))
    assert "revoked" in (await tls.refusal()).reason
    async with tls.station(tls.context(good), password=None):
        assert (await tls.request()).client_certificate == good.der


async def test_a_revoked_intermediate_authority_lets_nobody_in(start_tls: "StartTls", made_pki: Pki) -> None:
    revoked = Authority("Sold stations", made_pki.root)
    lists = [
        made_pki.write("root.crl", made_pki.root.crl(revoked)),
        made_pki.write("all.crl", made_pki.stations.crl() + revoked.crl()),
    ]
    tls = await start_tls(ocpp_tls_client_crls=[str(path) for path in lists])
    await tls.s_client(*tls.shown(revoked.issue("SN-2")))
    assert "revoked" in (await tls.refusal()).reason
    good = made_pki.client("SN-1")
    async with tls.station(tls.context(good), password=None):
        assert (await tls.request()).client_certificate == good.der


async def test_beside_a_root_with_a_list_one_without_lets_nobody_in(start_tls: "StartTls", made_pki: Pki) -> None:
    other = Authority("Other root")
    cas = made_pki.write("roots.pem", made_pki.root.pem + other.pem)
    lists = made_pki.write("two.crl", made_pki.root.crl() + made_pki.stations.crl())
    with capture_logs() as logs:
        tls = await start_tls(ocpp_tls_client_cas=[str(cas)], ocpp_tls_client_crls=[str(lists)])
    (warning,) = [each for each in logs if each["log_level"] == "warning"]
    assert "CN=Other root" in warning["roots"][0]
    await tls.s_client(*tls.shown(other.issue("SN-2")))
    assert "CRL" in (await tls.refusal()).reason


async def test_a_file_without_a_list_is_refused_at_the_start(made_pki: Pki) -> None:
    files = made_pki.servers[0]
    wrong = TlsFiles(
        [CertificateFiles(certificate=files.certificate, key=files.key)], [made_pki.root_file], [made_pki.root_file]
    )
    with pytest.raises(OSError, match="does not hold a revocation list"):
        make_context(wrong)


async def test_without_authorities_no_certificate_is_asked_for(start_tls: "StartTls") -> None:
    tls = await start_tls(ocpp_tls_client_cas=[])
    output = await tls.s_client(*tls.shown(tls.pki.client("SN-1")))
    assert "No client certificate CA names sent" in output
    async with tls.station(tls.context(tls.pki.client("SN-1"))):
        request = await tls.request()
        assert (request.security_profile, request.client_certificate) == (2, b"")


async def test_with_certificate_and_password_auth_says_what_counts(tls: "Tls") -> None:
    tls.system.services.decide = lambda _request: ConnectionDecision(
        allowed=True,
        registration_status=REGISTRATION_STATUS_ACCEPTED,
        security_profile=3,
        certificate_common_name="SN-1",
    )
    async with tls.station(tls.context(tls.pki.client("SN-1"))) as station:
        request = await tls.request()
        assert request.security_profile == 2
        assert request.client_certificate
        assert request.password_digests
        assert (await tls.system.services.connection("CS1")).security_profile == 3
        await station.send([2, "1", "BootNotification", BOOT])
        call = await tls.system.services.call("BootNotification")
        assert (call.security_profile, call.certificate_common_name) == (3, "SN-1")
