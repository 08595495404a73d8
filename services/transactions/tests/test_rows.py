from datetime import UTC, datetime

from csms_transactions.domain.events import EventType, IdToken, TransactionEvent
from csms_transactions.domain.identity import transaction_key
from csms_transactions.domain.readings import Reading, Value
from csms_transactions.domain.transaction import derive
from csms_transactions.store.rows import from_row, to_row

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_row_keeps_all_that_advancing_needs() -> None:
    transaction = derive(
        [
            TransactionEvent(
                seq_no=2, type=EventType.UPDATED, at=AT, evse_id=1, connector_id=2, id_token=IdToken("A", "Central"),
                charging_state="Charging", time_spent_charging=3, remote_start_id=4, reservation_id=5, offline=True,
                number_of_phases_used=3, readings=(Reading(AT, "Transaction.Begin", (Value(3, 1, 10.0),)),),
            ),
            TransactionEvent(
                seq_no=9, type=EventType.ENDED, at=AT, id_token=IdToken("", "NoAuthorization"),
                readings=(Reading(AT, "Transaction.End", (Value(3, 1, 20.0),)),), stopped_reason="Remote",
            ),
        ]
    )  # fmt: skip
    assert from_row(to_row(transaction)) == transaction


def test_keys_of_different_pairs_differ() -> None:
    assert transaction_key("CS1", "2T") != transaction_key("CS", "12T")
    assert transaction_key("CS1", "T") == transaction_key("CS1", "T")
