"""Rows of certificates that stations said they have."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.tables import InstalledCertificate

JsonObject = dict[str, Any]


async def replace(
    session: AsyncSession, station_id: str, types: Collection[str] | None, chains: Sequence[JsonObject], at: datetime
) -> None:
    """Store what a station answered when asked for certificates of these types (None: of all); others stay.

    `chains` are OCPP's CertificateHashDataChainType objects.
    """
    statement = delete(InstalledCertificate).where(InstalledCertificate.station_id == station_id)
    if types is not None:
        statement = statement.where(InstalledCertificate.certificate_type.in_(list(types)))
    await session.execute(statement)
    highest = select(func.max(InstalledCertificate.position)).where(InstalledCertificate.station_id == station_id)
    first = ((await session.execute(highest)).scalar() or 0) + 1
    for position, chain in enumerate(chains, start=first):
        session.add(
            InstalledCertificate(
                station_id=station_id,
                position=position,
                certificate_type=chain["certificateType"],
                hash_data=chain["certificateHashData"],
                child_hash_data=chain.get("childCertificateHashData", []),
                reported_at=at,
            )
        )
    await session.flush()


async def of_station(session: AsyncSession, station_id: str) -> Sequence[InstalledCertificate]:
    """Return a station's certificates in the order it named them."""
    statement = select(InstalledCertificate).where(InstalledCertificate.station_id == station_id)
    return (await session.scalars(statement.order_by(InstalledCertificate.position))).all()


async def page(
    session: AsyncSession, station_id: str, *, limit: int, after: int | None
) -> Sequence[InstalledCertificate]:
    """Return up to `limit` of them, those after a position."""
    statement = select(InstalledCertificate).where(InstalledCertificate.station_id == station_id)
    if after is not None:
        statement = statement.where(InstalledCertificate.position > after)
    return (await session.scalars(statement.order_by(InstalledCertificate.position).limit(limit))).all()


async def all_hash_data(session: AsyncSession, station_id: str) -> Sequence[JsonObject]:
    """Return the hash data of all certificates of a station, those below others in a chain, too."""
    rows = await of_station(session, station_id)
    return [hash_data for row in rows for hash_data in (row.hash_data, *row.child_hash_data)]


async def remove(session: AsyncSession, station_id: str, hash_data: JsonObject) -> None:
    """Forget a certificate that the station deleted or does not have; what was below it was named with it."""
    for row in await of_station(session, station_id):
        if row.hash_data == hash_data:
            await session.delete(row)
        elif hash_data in row.child_hash_data:
            row.child_hash_data = [child for child in row.child_hash_data if child != hash_data]
    await session.flush()
