"""/certificates, /certificate-requests, /certificate-authority: what stations ask for and get, and whom to trust."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from csms_db import outbox
from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_runtime.http import Page, PageParams, Problem, paginate, require
from csms_runtime.http.pages import PageRequest
from fastapi import APIRouter, Path, Query, Response, Security
from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth.certifying.revoking import revocation, revoke
from csms_auth.domain.certificates import Certificate, CertificateState, RequestState
from csms_auth.http.certificate_models import (
    AuthorityItem,
    BarItem,
    CertificateItem,
    CertificateWithChain,
    RequestItem,
    RevocationBody,
)
from csms_auth.http.cursors import newest_first
from csms_auth.pki import files
from csms_auth.pki.issuing import Revoked
from csms_auth.pki.ports import AuthorityUnavailable, CertificateAuthority, CertificateType
from csms_auth.store import certificate_bars, certificate_requests, certificates, stations, tables

CertificateId = Annotated[str, Path(max_length=36, description="Our id of the certificate")]
StationId = Annotated[str, Path(min_length=1, max_length=48)]
StationFilter = Annotated[str | None, Query(max_length=48, pattern=r"^[^\x00]*$")]
TypeFilter = Annotated[CertificateType | None, Query(description="OCPP's CertificateSigningUseEnumType")]


class RevokingAuthority(Protocol):
    """An authority that makes revocation lists: the built-in one."""

    def revocation_list(
        self, certificate_type: CertificateType, revoked: list[Revoked]
    ) -> x509.CertificateRevocationList:
        """Return the list of its revoked certificates."""
        ...


class Certificates:
    """The handlers of the certificate resources."""

    def __init__(
        self,
        database: Database,
        wake_outbox: Callable[[], None],
        authority: CertificateAuthority | None,
        revoking: RevokingAuthority | None,
    ) -> None:
        """`wake_outbox` is called after events were stored. `revoking` None: the authority makes its own lists."""
        self._database = database
        self._wake_outbox = wake_outbox
        self._authority = authority
        self._revoking = revoking

    def router(self) -> APIRouter:
        """Return the routes, below /api/v1."""
        router = APIRouter(tags=["Certificates"])
        read, admin = [Security(require("read"))], [Security(require("admin"))]
        one = "/certificates/{certificate_id}"
        router.add_api_route("/certificates", self.list_certificates, methods=["GET"], dependencies=read)
        router.add_api_route(one, self.get_certificate, methods=["GET"], dependencies=read)
        router.add_api_route(f"{one}/revocation", self.revoke_certificate, methods=["POST"], dependencies=admin)
        router.add_api_route(
            "/certificate-requests", self.list_certificate_requests, methods=["GET"], dependencies=read
        )
        router.add_api_route("/certificate-bars", self.list_certificate_bars, methods=["GET"], dependencies=read)
        router.add_api_route(
            "/certificate-bars/{station_id}",
            self.delete_certificate_bar,
            methods=["DELETE"],
            dependencies=admin,
            status_code=204,
        )
        router.add_api_route(
            "/certificate-authority", self.get_certificate_authority, methods=["GET"], dependencies=read
        )
        router.add_api_route(
            "/certificate-authority/crl",
            self.get_certificate_revocation_list,
            methods=["GET"],
            dependencies=read,
            response_class=Response,
            responses={200: {"content": {"application/x-pem-file": {}}}},
        )
        return router

    async def list_certificates(
        self,
        page: PageParams,
        station_id: StationFilter = None,
        certificate_type: TypeFilter = None,
        state: Annotated[CertificateState | None, Query()] = None,
    ) -> Page[CertificateItem]:
        """List the certificates that were signed for stations, the newest first."""
        after = newest_first(page)
        async with self._database.reading() as session:
            station = None if station_id is None else await stations.spelling(session, station_id)
            wanted = certificates.Filter(station, certificate_type, state)
            found = await certificates.page(session, wanted, limit=page.limit, after=after)
        return paginate(found.rows, page.limit, position=_position, item=CertificateItem.of, more=found.more)

    async def get_certificate(self, certificate_id: CertificateId) -> CertificateWithChain:
        """Show a certificate."""
        async with self._database.reading() as session:
            return CertificateWithChain.of(await _known(session, certificate_id))

    async def revoke_certificate(self, certificate_id: CertificateId, body: RevocationBody) -> CertificateItem:
        """Revoke a certificate: the station's connection is closed, and with this certificate none is opened any more.

        After `keyCompromise` and `privilegeWithdrawn` nothing is signed for the station until its bar is taken away
        (/certificate-bars); what was signed for it and is not delivered is revoked too. Others that it has stay valid:
        see the list. Revoking a revoked certificate leaves it as it is.
        """
        async with self._database.transaction() as session:
            certificate = await _known(session, certificate_id)
            await outbox.add(session, tables.outbox, await revoke(session, certificate, body.reason, utcnow()))
            certificate = await _known(session, certificate_id)
        self._wake_outbox()
        return CertificateItem.of(certificate)

    async def list_certificate_bars(self, page: PageParams) -> Page[BarItem]:
        """List the stations for which nothing is signed, since a certificate of theirs was revoked."""
        position = page.after(str)
        async with self._database.reading() as session:
            rows = await certificate_bars.page(
                session, limit=page.limit + 1, after=None if position is None else position[0]
            )
        return paginate(rows, page.limit, position=lambda row: (row.station_id,), item=BarItem.of)

    async def delete_certificate_bar(self, station_id: StationId) -> None:
        """Allow certificates for the station again. It must ask for one: TriggerMessage has it do so."""
        async with self._database.transaction() as session:
            if not await certificate_bars.remove(session, station_id):
                raise Problem(404, "No bar", "certificates are signed for a station of this id")

    async def list_certificate_requests(
        self,
        page: PageParams,
        station_id: StationFilter = None,
        certificate_type: TypeFilter = None,
        state: Annotated[RequestState | None, Query()] = None,
    ) -> Page[RequestItem]:
        """List the newest request of each station and type, refused ones too."""
        position = _texts(page)
        async with self._database.reading() as session:
            station = None if station_id is None else await stations.spelling(session, station_id)
            wanted = certificate_requests.Filter(station, certificate_type, state)
            found = await certificate_requests.page(session, wanted, limit=page.limit, after=position)
        return paginate(
            found.rows,
            page.limit,
            position=lambda row: (row.station_id, row.certificate_type),
            item=RequestItem.of,
            more=found.more,
        )

    async def get_certificate_authority(self) -> AuthorityItem:
        """Show the roots: install them on stations (InstallCertificate), and put them into vehicles' trust stores."""
        if self._authority is None:
            return AuthorityItem(roots={})
        try:
            return AuthorityItem(roots={kind: files.pem(await self._authority.roots(kind)) for kind in CertificateType})
        except AuthorityUnavailable as error:
            raise Problem(503, "The certificate authority cannot be reached", str(error)) from error

    async def get_certificate_revocation_list(
        self,
        certificate_type: Annotated[CertificateType, Query()] = CertificateType.CHARGING_STATION,
    ) -> Response:
        """Return the list of revoked certificates (RFC 5280), PEM, valid for a week.

        The CSMS itself needs none: it knows what it revoked.
        """
        if self._revoking is None:
            raise Problem(404, "No revocation list", "there is no built-in certificate authority")
        async with self._database.reading() as session:
            found = await certificates.revoked(session, certificate_type, valid_at=utcnow())
        entries = [revocation(certificate) for certificate in found]
        content = self._revoking.revocation_list(certificate_type, entries).public_bytes(Encoding.PEM)
        return Response(content, media_type="application/x-pem-file")


async def _known(session: AsyncSession, certificate_id: str) -> Certificate:
    certificate = await certificates.get(session, certificate_id)
    if certificate is None:
        raise _not_found()
    return certificate


def _texts(page: PageRequest) -> tuple[str, str] | None:
    position = page.after(str, str)
    return None if position is None else (position[0], position[1])


def _position(certificate: Certificate) -> tuple[datetime, str]:
    return certificate.issued_at, certificate.certificate_id


def _not_found() -> Problem:
    return Problem(404, "Certificate not found", "there is no certificate of this id")
