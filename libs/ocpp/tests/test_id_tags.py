"""Statuses of idTags (OCPP 1.6)."""

import pytest
from csms_ocpp.id_tags import tag_status


@pytest.mark.parametrize(
    ("status", "told"),
    [
        *((same, same) for same in ("Accepted", "Blocked", "ConcurrentTx", "Expired", "Invalid")),
        ("Unknown", "Invalid"),
        ("NotAtThisLocation", "Blocked"),
        ("what a later version has", "Blocked"),
    ],
)
def test_a_status_is_one_of_the_five_of_1_6(status: str, told: str) -> None:
    assert tag_status(status) == told
