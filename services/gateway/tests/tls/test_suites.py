"""Versions of TLS and cipher suites."""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Tls

STATIC_RSA = ["AES128-GCM-SHA256", "AES256-GCM-SHA384"]
ECDHE_RSA = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"]
ECDHE_ECDSA = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"]


@pytest.mark.parametrize("suite", [*STATIC_RSA, *ECDHE_RSA, *ECDHE_ECDSA])
async def test_each_suite_of_tls_1_2_serves_a_station(tls: "Tls", suite: str) -> None:
    context = tls.context(maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(suite)
    async with tls.station(context) as station:
        wrapped = station.socket.transport.get_extra_info("ssl_object")
        assert (wrapped.version(), wrapped.cipher()[0], wrapped.compression()) == ("TLSv1.2", suite, None)
        request = await tls.request()
        assert (request.security_profile, request.remote_address) == (2, "127.0.0.1")
        assert request.password_digests
        assert not request.client_certificate


@pytest.mark.parametrize("suite", ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"])
async def test_each_suite_of_tls_1_3_is_offered(tls: "Tls", suite: str) -> None:
    output = await tls.s_client("-tls1_3", "-ciphersuites", suite)
    assert f"TLSv1.3, Cipher is {suite}" in output
    assert "Verification: OK" in output


async def test_the_best_suite_of_ours_is_taken_whatever_the_station_prefers(tls: "Tls") -> None:
    context = tls.context(maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(":".join(reversed([*ECDHE_ECDSA, *ECDHE_RSA, *STATIC_RSA])))
    assert (await tls.handshake(context)).cipher()[0] == ECDHE_ECDSA[0]


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
async def test_old_versions_are_refused_with_an_alert_and_told(tls: "Tls", version: str) -> None:
    output = await tls.s_client(version, "-cipher", "DEFAULT@SECLEVEL=0")
    assert "alert protocol version" in output
    told = await tls.refusal()
    assert (told.http_status, told.security_event) == (0, "InvalidTLSVersion")
    assert told.remote_address == "127.0.0.1"


@pytest.mark.parametrize("suite", ["AES128-SHA", "ECDHE-RSA-AES128-SHA256", "AES128-CCM"])
async def test_other_suites_are_refused(tls: "Tls", suite: str) -> None:
    output = await tls.s_client("-tls1_2", "-cipher", f"{suite}@SECLEVEL=0")
    assert "alert handshake failure" in output
    assert (await tls.refusal()).security_event == "InvalidTLSCipherSuite"


async def test_no_renegotiation(tls: "Tls") -> None:
    output = await tls.s_client("-tls1_2", say=b"R\n")
    assert "no renegotiation" in output


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("with_certificate", [False, True])
async def test_sessions_are_resumed(tls: "Tls", version: str, *, with_certificate: bool, tmp_path: Path) -> None:
    session = tmp_path / "session"
    options = ["-" + version.lower().replace("v", "")]
    if with_certificate:
        files = tls.pki.save("resuming", tls.pki.client("SN-1"))
        options += ["-cert", str(files.certificate), "-key", str(files.key), "-cert_chain", str(files.certificate)]
    upgrade = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"  # an answer comes behind the tickets
    first = await tls.s_client(*options, "-ign_eof", "-sess_out", str(session), say=upgrade)
    again = await tls.s_client(*options, "-ign_eof", "-sess_in", str(session), say=upgrade)
    assert "426" in first
    assert "New, " in first
    assert "Reused, " in again
    assert "426" in again
