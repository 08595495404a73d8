"""What a station says of its certificates, and what is forgotten."""

import pytest
from csms_device_mgmt.certificates import installed_certificate_rows

CSMS, MANUFACTURER = "CSMSRootCertificate", "ManufacturerRootCertificate"


def data(serial, algorithm="SHA256"):
    return {"hashAlgorithm": algorithm, "issuerNameHash": "n", "issuerKeyHash": "k", "serialNumber": serial}


def chain(kind, serial, **more):
    return {"certificateType": kind, "certificateHashData": data(serial), **more}


@pytest.fixture
def known(units, station_id):
    async def read():
        async with units.reading() as session:
            rows = await installed_certificate_rows.of_station(session, station_id)
        return [(row.certificate_type, row.hash_data["serialNumber"]) for row in rows]

    return read


@pytest.fixture
def answered(apply, records):
    """The station's answer to GetInstalledCertificateIds."""
    calls = iter(range(100))

    async def answer(*chains, types=None, **response):
        request = {"certificateType": types} if types else {}
        found = {"status": "Accepted", "certificateHashDataChain": list(chains)} if chains else {"status": "NotFound"}
        result = records.result("GetInstalledCertificateIds", request, response or found, call_id=f"c{next(calls)}")
        await apply(result)

    return answer


async def test_the_newest_answer_counts(answered, known):
    await answered(chain(CSMS, "1"), chain(MANUFACTURER, "2"))
    await answered(chain(CSMS, "3"), types=[CSMS])
    assert sorted(await known()) == [(CSMS, "3"), (MANUFACTURER, "2")]
    await answered(types=[CSMS])
    assert await known() == [(MANUFACTURER, "2")]
    await answered()
    assert await known() == []


async def test_what_was_not_asked_for_is_left_out(answered, known):
    await answered(chain(CSMS, "1"), chain(MANUFACTURER, "2"), types=[CSMS])
    assert await known() == [(CSMS, "1")]


@pytest.mark.parametrize(("status", "left"), [("Accepted", []), ("NotFound", []), ("Failed", [(CSMS, "1")])])
async def test_deletion(apply, records, answered, known, status, left):  # noqa: PLR0917 fixtures
    await answered(chain(CSMS, "1"))
    await apply(records.result("DeleteCertificate", {"certificateHashData": data("1")}, {"status": status}))
    assert await known() == left


async def test_deletion_below_another(apply, records, answered, units, station_id):
    await answered(chain(CSMS, "1", childCertificateHashData=[data("2"), data("3")]))
    await apply(records.result("DeleteCertificate", {"certificateHashData": data("2")}, {"status": "Accepted"}))
    async with units.reading() as session:
        assert await installed_certificate_rows.all_hash_data(session, station_id) == [data("1"), data("3")]
