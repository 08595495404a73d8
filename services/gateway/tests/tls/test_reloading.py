"""Certificates and revocation lists that change while the gateway runs."""

import asyncio
import os
import signal
import ssl
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from csms_gateway import tls_reload
from csms_gateway.tls import TlsFiles, make_context
from csms_runtime import metrics
from csms_testing.mounted import MountedSecret
from csms_testing.pki import Issued, Pki, trusted_pem
from prometheus_client import REGISTRY

if TYPE_CHECKING:
    from conftest import StartTls

DEADLINE_S = 10


async def test_a_changed_file_is_read_again_and_open_connections_stay(start_tls: "StartTls", tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    tls = await start_tls(pki, ocpp_tls_reload_s=0.05)
    async with tls.station() as station:
        before = await tls.shown_serial()
        pki.server("ecdsa")
        await eventually(tls.shown_serial, lambda serial: serial != before)
        tls.system.services.answers["DataTransfer"] = {"status": "Accepted"}
        await station.send([2, "1", "DataTransfer", {"vendorId": "x"}])
        assert (await station.receive())[2] == {"status": "Accepted"}


async def test_a_file_that_is_older_than_the_one_before_is_read_too(start_tls: "StartTls", tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    tls = await start_tls(pki, ocpp_tls_reload_s=0.05)
    before = await tls.shown_serial()
    made = Pki(tmp_path / "another").server("ecdsa")
    for name in ("server-ecdsa.pem", "server-ecdsa.key"):
        new = made.certificate.with_name(name)
        os.utime(new, (0, 0))
        new.replace(pki.directory / name)
    context = ssl.create_default_context(cafile=str(tmp_path / "another" / "root.pem"))
    await eventually(lambda: tls.shown_serial(context), lambda serial: serial not in {"", before})


async def test_a_broken_file_leaves_the_old_ones_until_it_is_mended(start_tls: "StartTls", tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    tls = await start_tls(pki, ocpp_tls_reload_s=0.05)
    before, failures = await tls.shown_serial(), reloads("failed")
    pki.write("server-ecdsa.pem", b"no certificate")
    await eventually(lambda: later(reloads("failed")), lambda count: count > failures)
    assert await tls.shown_serial() == before
    pki.server("ecdsa")
    await eventually(tls.shown_serial, lambda serial: serial != before)


async def test_a_certificate_that_only_openssl_reads_leaves_the_old_one(start_tls: "StartTls", tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    tls = await start_tls(pki, ocpp_tls_reload_s=0.05)
    before, failures = await tls.shown_serial(), reloads("failed")
    _, ecdsa = pki.servers
    pki.write("server-ecdsa.pem", trusted_pem(ecdsa.certificate.read_bytes()))
    await eventually(lambda: later(reloads("failed")), lambda count: count > failures)
    assert await tls.shown_serial() == before
    pki.server("ecdsa")
    await eventually(tls.shown_serial, lambda serial: serial != before)


async def test_a_file_that_goes_away_while_it_is_read_stops_nothing(
    start_tls: "StartTls", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pki = Pki(tmp_path / "pki")
    tls = await start_tls(pki, ocpp_tls_reload_s=0.05)
    before, failures = await tls.shown_serial(), reloads("failed")

    def make_then_remove(files: TlsFiles) -> ssl.SSLContext:
        made = make_context(files)
        monkeypatch.undo()
        files.certificates[0].certificate.rename(tmp_path / "away.pem")
        return made

    monkeypatch.setattr(tls_reload, "make_context", make_then_remove)
    tls.system.gateway.reload_tls()
    await eventually(lambda: later(reloads("failed")), lambda count: count > failures)
    (tmp_path / "away.pem").rename(pki.servers[0].certificate)
    pki.server("ecdsa")
    await eventually(tls.shown_serial, lambda serial: serial != before)


async def test_a_list_that_changed_counts_for_resumed_sessions_too(start_tls: "StartTls", tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    client = pki.client("SN-1")
    crl = pki.write("stations.crl", pki.stations.crl())
    tls = await start_tls(pki, ocpp_tls_client_crls=[str(crl)], ocpp_tls_reload_s=0.05)
    session, done = str(tmp_path / "s"), reloads("done")
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    await tls.s_client(*tls.shown(client), "-ign_eof", "-sess_out", session, say=get)
    pki.write("stations.crl", pki.stations.crl(client))
    await eventually(lambda: later(reloads("done")), lambda count: count > done)
    output = await tls.s_client(*tls.shown(client), "-ign_eof", "-sess_in", session, say=get)
    assert "Reused, " not in output
    assert "revoked" in (await tls.refusal()).reason


async def test_sighup_has_the_files_read_again(start_tls: "StartTls") -> None:
    await start_tls(ocpp_tls_reload_s=3600)
    before = reloads("done")
    os.kill(os.getpid(), signal.SIGHUP)
    await eventually(lambda: later(reloads("done")), lambda count: count == before + 1)


async def test_what_kubernetes_mounts_is_read_when_it_is_replaced(start_tls: "StartTls", tmp_path: Path) -> None:
    """The names stay links; what they lead to is another folder. Certificates, authorities and lists alike."""
    pki = Pki(tmp_path / "pki")
    first, second = pki.client("SN-1"), pki.client("SN-2")

    def files(*revoked: Issued, key: Issued | None = None) -> dict[str, bytes]:
        issued = pki.root.issue("localhost", names=["localhost", "127.0.0.1"])
        crl = pki.stations.crl(*revoked)
        return {"tls.crt": issued.pem, "tls.key": (key or issued).key_pem, "ca.crt": pki.root.pem, "ca.crl": crl}

    mounted = MountedSecret(tmp_path / "mounted", files())
    tls = await start_tls(
        pki,
        ocpp_tls_certificates=[{"certificate": str(mounted["tls.crt"]), "key": str(mounted["tls.key"])}],
        ocpp_tls_client_cas=[str(mounted["ca.crt"])],
        ocpp_tls_client_crls=[str(mounted["ca.crl"])],
        ocpp_tls_reload_s=0.05,
    )
    before = await tls.shown_serial(tls.context(first))
    mounted.replace(files(first))
    await eventually(tls.shown_serial, lambda serial: serial != before)
    await tls.handshake(tls.context(second))
    output = await tls.s_client(*tls.shown(first), "-ign_eof")
    assert "revoked" in output
    before, failures = await tls.shown_serial(), reloads("failed")
    mounted.replace(files(key=first))  # not the certificate's key
    await eventually(lambda: later(reloads("failed")), lambda count: count > failures)
    assert await tls.shown_serial() == before
    assert usable() == 0
    mounted.replace(files() | {"ca.crt": pki.unknown.pem, "ca.crl": pki.unknown.crl()})
    await eventually(tls.shown_serial, lambda serial: serial != before)
    assert usable() == 1
    assert "alert" in await tls.s_client(*tls.shown(second), "-ign_eof")


async def test_until_when_authorities_and_lists_are_good_is_told(start_tls: "StartTls", tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    cas = pki.write("cas.pem", pki.stations.pem + pki.root.pem)
    crl = pki.write("stations.crl", pki.stations.crl(ends_in=timedelta(hours=2)))
    await start_tls(pki, ocpp_tls_client_cas=[str(cas)], ocpp_tls_client_crls=[str(crl)], ocpp_tls_reload_s=0.05)
    (until,) = told("csms_gateway_tls_crl_expiry_timestamp_seconds").values()
    (made,) = told("csms_gateway_tls_crl_made_timestamp_seconds").values()
    assert until - made == timedelta(hours=26).total_seconds()
    authorities = {each.certificate.subject.rfc4514_string(): each.certificate for each in (pki.stations, pki.root)}
    assert told("csms_gateway_tls_authority_expiry_timestamp_seconds") == {
        name: certificate.not_valid_after_utc.timestamp() for name, certificate in authorities.items()
    }
    pki.write("stations.crl", pki.stations.crl())
    pki.write("cas.pem", pki.stations.pem)
    await eventually(
        lambda: later(len(told("csms_gateway_tls_authority_expiry_timestamp_seconds"))), lambda count: count == 1
    )
    assert until < min(told("csms_gateway_tls_crl_expiry_timestamp_seconds").values())


def told(name: str) -> dict[str, float]:
    """By authority."""
    families = [family for family in REGISTRY.collect() if family.name == name]
    return {sample.labels["authority"]: sample.value for family in families for sample in family.samples}


async def later(value: float) -> float:
    await asyncio.sleep(0.01)
    return value


async def eventually(look: Callable[[], Awaitable[Any]], good: Callable[[Any], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not good(await look()):
            pass


def reloads(outcome: str) -> float:
    return metrics.TLS_FILES_READ.labels("stations", outcome)._value.get()


def usable() -> float:
    return metrics.TLS_FILES_USABLE.labels("stations")._value.get()
