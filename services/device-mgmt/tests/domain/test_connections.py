from dataclasses import replace

from csms_device_mgmt.domain.connections import Change, Known, Seen, change, must_be_told

KNOWN = Known(is_open=True, slot=0, epoch=100, connection_id="a", offset=5, produced_at_ms=1000)
LATER = Seen(is_open=True, slot=1, epoch=200, connection_id="b", offset=6, produced_at_ms=1001)


def test_first_connection() -> None:
    assert change(None, LATER) is Change.OPENED


def test_connection_after_a_closed_one() -> None:
    assert change(replace(KNOWN, is_open=False), LATER) is Change.OPENED


def test_newer_connection_wins() -> None:
    assert change(KNOWN, LATER) is Change.SUPERSEDED


def test_order_on_the_bus_counts_not_the_clocks() -> None:
    assert change(KNOWN, replace(LATER, produced_at_ms=900)) is Change.SUPERSEDED


def test_record_read_again_changes_nothing() -> None:
    assert change(KNOWN, replace(LATER, offset=4, produced_at_ms=999)) is Change.NOTHING


def test_offsets_may_start_again() -> None:
    assert change(KNOWN, replace(LATER, offset=0, produced_at_ms=2000)) is Change.SUPERSEDED


def test_same_token_opened_twice() -> None:
    assert change(KNOWN, replace(LATER, epoch=100, connection_id="a")) is Change.NOTHING


def test_a_refresh_replaces_no_open_connection_but_revives_what_was_lost() -> None:
    again = replace(LATER, refresh=True)
    assert change(KNOWN, again) is Change.NOTHING
    assert change(replace(KNOWN, is_open=False), again) is Change.OPENED
    assert change(None, again) is Change.OPENED


def test_close_of_the_stored_connection() -> None:
    seen = Seen(is_open=False, slot=0, epoch=100, connection_id="a", offset=6, produced_at_ms=1001)
    assert change(KNOWN, seen) is Change.CLOSED
    assert change(replace(KNOWN, is_open=False), seen) is Change.NOTHING


def test_late_close_of_an_older_connection_erases_nothing() -> None:
    assert change(KNOWN, replace(LATER, is_open=False, connection_id="old")) is Change.NOTHING
    assert change(None, replace(LATER, is_open=False)) is Change.NOTHING


def test_only_another_gateway_is_told() -> None:
    assert must_be_told(KNOWN, LATER)
    assert not must_be_told(KNOWN, replace(LATER, slot=0))
