"""/certificates, /certificate-requests, /certificate-authority."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from csms.v1.bus_pb2 import Record
from csms_auth.domain.certificates import Certificate, CertificateRequest, CertificateState, RequestState
from csms_auth.http.certificates import Certificates
from csms_auth.pki import built_in
from csms_auth.pki.built_in import BuiltInAuthority
from csms_auth.pki.ports import AuthorityUnavailable, CertificateType
from csms_auth.store import certificate_requests, certificates, tables
from csms_db.engine import Database
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, create_app
from sqlalchemy import select

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STATION, V2G = CertificateType.CHARGING_STATION, CertificateType.V2G


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> BuiltInAuthority:
    path: Path = tmp_path_factory.mktemp("pki")
    built_in.create(path, b"a passphrase", "CSMS")
    return BuiltInAuthority(path, b"a passphrase")


class Api:
    """The API of a service with this authority; `wakes` counts what the outbox was told."""

    def __init__(self, database: Database, authority: Any, revoking: BuiltInAuthority | None) -> None:
        keys = ApiKeys.for_tests(**{scope: f"{scope}-key-for-tests" for scope in ("read", "operate", "admin")})
        router = Certificates(database, self.wake, authority, revoking).router()
        self.app = create_app("auth", routers=[router], keys=keys, health=Health(), version="0")
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1

    async def raw(self, method: str, path: str, json: object = None, *, scope: str = "admin") -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url="http://auth") as client:
            headers = {"Authorization": f"Bearer {scope}-key-for-tests"}
            return await client.request(method, f"/api/v1{path}", json=json, headers=headers)

    async def __call__(self, method: str, path: str, json: object = None, *, status: int = 200, **how: str) -> Any:
        response = await self.raw(method, path, json, **how)
        assert response.status_code == status, response.text
        return response.json()


@pytest.fixture
async def api(database: Database, authority: BuiltInAuthority) -> Api:
    return Api(database, authority, authority)


def certificate(number: int = 1, **fields: Any) -> Certificate:
    defaults: dict[str, Any] = {
        "certificate_id": f"C{number}",
        "station_id": f"CS{number}",
        "certificate_type": STATION,
        "fingerprint": bytes([number]) * 32,
        "key_sha256": b"k" * 32,
        "serial_number": f"a{number}",
        "subject": f"CN=SN-{number}",
        "issuer": "CN=CA",
        "not_before": NOW,
        "not_after": datetime.now(UTC) + timedelta(days=365),
        "chain": "PEM",
        "issued_at": NOW + timedelta(minutes=number),
        "state": CertificateState.ACCEPTED,
    }
    return Certificate(**(defaults | fields))


async def store(database: Database, *given: Certificate) -> None:
    async with database.transaction() as session:
        await certificates.save(session, given)


async def outbox(database: Database) -> list[Record]:
    async with database.reading() as session:
        rows = await session.execute(select(tables.outbox).order_by(tables.outbox.c.id))
        return [Record.FromString(row.record) for row in rows]


class TestCertificates:
    async def test_one_is_shown_with_its_chain(self, api: Api, database: Database) -> None:
        stored = certificate(reason="the station is not connected", state=CertificateState.ISSUED)
        await store(database, stored)
        assert await api("GET", "/certificates/C1", scope="read") == {
            "id": "C1",
            "station_id": "CS1",
            "certificate_type": "ChargingStationCertificate",
            "state": "Issued",
            "reason": "the station is not connected",
            "serial_number": "a1",
            "fingerprint_sha256": "01" * 32,
            "subject": "CN=SN-1",
            "issuer": "CN=CA",
            "not_before": "2026-01-01T12:00:00Z",
            "not_after": stored.not_after.isoformat().replace("+00:00", "Z"),
            "issued_at": "2026-01-01T12:01:00Z",
            "revoked_at": None,
            "chain": "PEM",
        }

    async def test_pages_end_by_bytes(self, database: Database) -> None:
        await store(database, *(replace(certificate(number), chain="x" * 1_000_000) for number in range(9)))
        numbers, after = [], None
        async with database.reading() as session:
            for count in (4, 4, 1):
                found = await certificates.page(session, certificates.Filter(), limit=100, after=after)
                assert (len(found.rows), found.more) == (count, count == 4)
                numbers += [one.certificate_id for one in found.rows]
                after = found.rows[-1].issued_at, found.rows[-1].certificate_id
        assert numbers == [f"C{number}" for number in reversed(range(9))]

    async def test_lists_are_newest_first_in_pages(self, api: Api, database: Database) -> None:
        await store(database, *(certificate(number) for number in (1, 3, 2)))
        first = await api("GET", "/certificates?limit=2", scope="read")
        assert [item["id"] for item in first["items"]] == ["C3", "C2"]
        assert "chain" not in first["items"][0]
        last = await api("GET", f"/certificates?limit=2&cursor={first['next_cursor']}")
        assert ([item["id"] for item in last["items"]], last["next_cursor"]) == (["C1"], None)

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("station_id=CS2", ["C2"]),
            ("certificate_type=V2GCertificate", ["C3"]),
            ("state=Rejected", ["C1"]),
            ("station_id=CS1&state=Accepted", []),
        ],
    )
    async def test_lists_are_filtered(self, api: Api, database: Database, query: str, found: list[str]) -> None:
        await store(
            database,
            certificate(1, state=CertificateState.REJECTED),
            certificate(2),
            certificate(3, certificate_type=V2G),
        )
        assert [item["id"] for item in (await api("GET", f"/certificates?{query}"))["items"]] == found

    @pytest.mark.parametrize("path", ["/certificates/C9", "/certificates/C9/revocation"])
    async def test_what_is_not_there_is_not_found(self, api: Api, path: str) -> None:
        method = "POST" if path.endswith("revocation") else "GET"
        await api(method, path, {} if method == "POST" else None, status=404)

    @pytest.mark.parametrize("query", ["state=Unheard", "certificate_type=x", "cursor=x", "station_id=a%00b"])
    async def test_bad_questions_are_refused(self, api: Api, query: str) -> None:
        await api("GET", f"/certificates?{query}", status=422)


class TestRevocation:
    async def test_the_certificate_is_revoked_and_told(self, api: Api, database: Database) -> None:
        await store(database, certificate(state=CertificateState.ISSUED, due_at=NOW, order_id="call"))
        item = await api("POST", "/certificates/C1/revocation", {"reason": "keyCompromise"})
        assert (item["state"], item["reason"]) == ("Revoked", "keyCompromise")
        assert item["revoked_at"] is not None
        async with database.reading() as session:
            stored = await certificates.get(session, "C1")
        told, close = await outbox(database)
        revoked = told.event.certificate_revoked
        assert (close.station_id, close.WhichOneof("body")) == ("CS1", "close_connection")
        assert (revoked.serial_number, revoked.reason) == ("a1", "keyCompromise")
        assert stored is not None
        assert (stored.due_at, stored.order_id) == (None, None)  # it is not delivered any more
        assert api.wakes == 1

    async def test_twice_is_once(self, api: Api, database: Database) -> None:
        await store(database, certificate())
        first = await api("POST", "/certificates/C1/revocation", {})
        assert first["reason"] == "unspecified"
        assert await api("POST", "/certificates/C1/revocation", {"reason": "superseded"}) == first
        told = [record.WhichOneof("body") for record in await outbox(database)]
        assert told == ["event", "close_connection", "close_connection"]

    async def test_a_v2g_certificate_is_not_what_a_station_is_connected_with(
        self, api: Api, database: Database
    ) -> None:
        await store(database, certificate(certificate_type=V2G))
        await api("POST", "/certificates/C1/revocation", {})
        assert [record.WhichOneof("body") for record in await outbox(database)] == ["event"]

    @pytest.mark.parametrize("scope", ["read", "operate"])
    async def test_takes_an_admin(self, api: Api, database: Database, scope: str) -> None:
        await store(database, certificate())
        await api("POST", "/certificates/C1/revocation", {}, scope=scope, status=403)

    @pytest.mark.parametrize("body", [{"reason": "because"}, {"why": "x"}, None])
    async def test_bad_bodies_are_refused(self, api: Api, database: Database, body: object) -> None:
        await store(database, certificate())
        await api("POST", "/certificates/C1/revocation", body, status=422)


class TestBars:
    """After keyCompromise and privilegeWithdrawn a station gets nothing until an operator allows it again."""

    async def states(self, database: Database) -> list[CertificateState]:
        async with database.reading() as session:
            found = (await certificates.page(session, certificates.Filter(), limit=9, after=None)).rows
        return [each.state for each in reversed(found)]

    @pytest.mark.parametrize("reason", ["keyCompromise", "privilegeWithdrawn"])
    async def test_a_bar_stands_until_it_is_taken_away(self, api: Api, database: Database, reason: str) -> None:
        await store(database, certificate())
        revoked = await api("POST", "/certificates/C1/revocation", {"reason": reason})
        listed = await api("GET", "/certificate-bars", scope="read")
        assert listed["items"] == [
            {"id": "CS1", "since": revoked["revoked_at"], "reason": reason, "certificate_id": "C1"}
        ]
        assert (await api.raw("DELETE", "/certificate-bars/CS1")).status_code == 204
        assert (await api("GET", "/certificate-bars"))["items"] == []
        await api("DELETE", "/certificate-bars/CS1", status=404)

    @pytest.mark.parametrize("reason", ["unspecified", "affiliationChanged", "superseded", "cessationOfOperation"])
    async def test_other_reasons_set_up_none(self, api: Api, database: Database, reason: str) -> None:
        await store(database, certificate())
        await api("POST", "/certificates/C1/revocation", {"reason": reason})
        assert (await api("GET", "/certificate-bars"))["items"] == []

    async def test_one_that_is_revoked_already_may_get_its_station_barred(self, api: Api, database: Database) -> None:
        await store(database, certificate(state=CertificateState.REVOKED, reason="superseded", revoked_at=NOW))
        item = await api("POST", "/certificates/C1/revocation", {"reason": "keyCompromise"})
        assert item["reason"] == "superseded"
        assert [bar["id"] for bar in (await api("GET", "/certificate-bars"))["items"]] == ["CS1"]

    async def test_what_is_on_its_way_to_the_station_goes_too(self, api: Api, database: Database) -> None:
        await store(
            database,
            certificate(1),
            certificate(2, station_id="CS1", state=CertificateState.ISSUED, due_at=NOW),
            certificate(3, station_id="CS1"),
            certificate(4, state=CertificateState.ISSUED),
        )
        request = CertificateRequest("CS1", V2G, "CSR", NOW, RequestState.PENDING, due_at=NOW)
        async with database.transaction() as session:
            await certificate_requests.save(session, [request])
        await api("POST", "/certificates/C1/revocation", {"reason": "keyCompromise"})
        revoked, accepted, issued = CertificateState.REVOKED, CertificateState.ACCEPTED, CertificateState.ISSUED
        assert await self.states(database) == [revoked, revoked, accepted, issued]
        (shown,) = (await api("GET", "/certificate-requests"))["items"]
        assert shown["state"] == "Refused"
        assert "(keyCompromise)" in shown["reason"]

    async def test_in_pages(self, api: Api, database: Database) -> None:
        await store(database, *(certificate(number) for number in (1, 2, 3)))
        for number in (3, 1, 2):
            await api("POST", f"/certificates/C{number}/revocation", {"reason": "keyCompromise"})
        first = await api("GET", "/certificate-bars?limit=2")
        last = await api("GET", f"/certificate-bars?limit=2&cursor={first['next_cursor']}")
        assert [bar["id"] for bar in (*first["items"], *last["items"])] == ["CS1", "CS2", "CS3"]

    async def test_taking_one_away_takes_an_admin(self, api: Api) -> None:
        await api("DELETE", "/certificate-bars/CS1", scope="operate", status=403)


class TestRequests:
    async def put(self, database: Database, *stations: str) -> None:
        requests = [CertificateRequest(station, STATION, "CSR", NOW, reason="why") for station in stations]
        signed = CertificateRequest("CS1", V2G, "CSR", NOW, RequestState.SIGNED, certificate_id="C1")
        async with database.transaction() as session:
            await certificate_requests.save(session, [*requests, signed])

    async def test_refused_ones_are_shown_too(self, api: Api, database: Database) -> None:
        await self.put(database, "CS1")
        listed = await api("GET", "/certificate-requests", scope="read")
        assert listed["items"] == [
            {
                "id": "CS1/ChargingStationCertificate",
                "station_id": "CS1",
                "certificate_type": "ChargingStationCertificate",
                "state": "Refused",
                "reason": "why",
                "received_at": "2026-01-01T12:00:00Z",
                "certificate_id": None,
                "csr": "CSR",
            },
            {
                "id": "CS1/V2GCertificate",
                "station_id": "CS1",
                "certificate_type": "V2GCertificate",
                "state": "Signed",
                "reason": None,
                "received_at": "2026-01-01T12:00:00Z",
                "certificate_id": "C1",
                "csr": "CSR",
            },
        ]

    async def test_pages_end_by_bytes(self, database: Database) -> None:
        await self.put(database, "CS1", "CS2")
        wanted = certificate_requests.Filter()
        async with database.reading() as session:
            found = await certificate_requests.page(session, wanted, limit=100, after=None, most_bytes=1010)
        assert (len(found.rows), found.more) == (2, True)

    async def test_in_pages_and_filtered(self, api: Api, database: Database) -> None:
        await self.put(database, "CS1", "CS2")
        first = await api("GET", "/certificate-requests?limit=2")
        rest = await api("GET", f"/certificate-requests?limit=2&cursor={first['next_cursor']}")
        assert [item["id"] for item in rest["items"]] == ["CS2/ChargingStationCertificate"]
        for query, count in (("state=Refused", 2), ("station_id=CS1", 2), ("certificate_type=V2GCertificate", 1)):
            assert len((await api("GET", f"/certificate-requests?{query}"))["items"]) == count


class TestAuthority:
    async def test_roots(self, api: Api, authority: BuiltInAuthority) -> None:
        shown = await api("GET", "/certificate-authority", scope="read")
        for kind in CertificateType:
            assert x509.load_pem_x509_certificates(shown["roots"][kind].encode()) == await authority.roots(kind)

    async def test_revocation_list(self, api: Api, database: Database, authority: BuiltInAuthority) -> None:
        await store(
            database,
            certificate(1, state=CertificateState.REVOKED, reason="keyCompromise", revoked_at=NOW),
            certificate(2),
            certificate(3, state=CertificateState.REVOKED, reason="unspecified", certificate_type=V2G, revoked_at=NOW),
            certificate(4, state=CertificateState.REVOKED, reason="superseded", revoked_at=NOW, not_after=NOW),
        )
        for kind, serials in ((STATION, [0xA1]), (V2G, [0xA3])):
            response = await api.raw("GET", f"/certificate-authority/crl?certificate_type={kind}", scope="read")
            crl = x509.load_pem_x509_crl(response.content)
            assert [entry.serial_number for entry in crl] == serials
            (issuer,) = [each for each in authority.authorities() if each.subject == crl.issuer]
            assert crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]

    async def test_without_an_authority(self, database: Database) -> None:
        api = Api(database, None, None)
        assert await api("GET", "/certificate-authority") == {"roots": {}}
        await api("GET", "/certificate-authority/crl", status=404)

    async def test_while_the_authority_is_away(self, database: Database) -> None:
        class Away:
            async def roots(self, _kind: CertificateType) -> list[x509.Certificate]:
                raise AuthorityUnavailable("away")

        await Api(database, Away(), None)("GET", "/certificate-authority", status=503)
