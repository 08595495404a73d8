import pytest
from csms_gateway.tries import LONGEST_DELAY_S, LONGEST_WAIT_S, Tries

FREE = 5
HERE, THERE = "192.0.2.1", "198.51.100.1"


def failing(tries: Tries, count: int, station_id: str = "CS1", address: str = HERE, now: float = 0.0) -> float:
    delay = 0.0
    for _ in range(count):
        delay = tries.failed(station_id, address, now)
    return delay


def test_the_first_wrong_passwords_cost_nothing() -> None:
    tries = Tries(FREE)
    assert failing(tries, FREE) == 0
    assert tries.wait_s("CS1", HERE, 0) == 0


def test_from_then_on_an_address_waits_longer_and_longer_but_never_long() -> None:
    tries, waits, now = Tries(FREE), [], 0.0
    failing(tries, FREE)
    for _ in range(10):
        tries.failed("CS1", HERE, now)
        waits.append(tries.wait_s("CS1", HERE, now))
        now += waits[-1]
        assert tries.wait_s("CS1", HERE, now) == pytest.approx(0)
    assert waits[0] == 2
    assert waits[:4] == sorted(waits[:4])
    assert max(waits) <= LONGEST_WAIT_S


def test_any_number_of_failures_is_forgiven_within_the_longest_wait() -> None:
    tries = Tries(FREE)
    failing(tries, 1000)
    assert tries.wait_s("CS1", HERE, LONGEST_WAIT_S - 1) > 0
    assert tries.wait_s("CS1", HERE, LONGEST_WAIT_S) == 0


def test_the_same_station_elsewhere_and_others_here_need_not_wait() -> None:
    tries = Tries(FREE)
    failing(tries, 1000)
    assert tries.wait_s("CS1", THERE, 0) == 0
    assert tries.wait_s("CS2", HERE, 0) == 0


def test_the_right_password_ends_it() -> None:
    tries = Tries(FREE)
    failing(tries, FREE)
    tries.succeeded("CS1", HERE)
    failing(tries, FREE)
    assert tries.wait_s("CS1", HERE, 0) == 0


def test_failures_are_forgotten() -> None:
    tries = Tries(FREE)
    failing(tries, FREE)
    failing(tries, 1, now=60)
    assert tries.wait_s("CS1", HERE, 60) == 0


def test_refusals_come_later_for_a_station_that_many_try() -> None:
    tries = Tries(FREE)
    delays = [tries.failed("CS1", f"192.0.2.{n}", 0) for n in range(100)]
    assert delays[:20] == [0] * 20
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY_S
    assert tries.wait_s("CS1", HERE, 0) == 0


def test_refusals_come_later_for_an_address_that_tries_many() -> None:
    tries = Tries(FREE)
    delays = [tries.failed(f"CS{n}", HERE, 0) for n in range(200)]
    assert delays[:100] == [0] * 100
    assert delays[-1] == LONGEST_DELAY_S
    assert tries.failed("CS1", THERE, 0) == 0


def test_one_subscriber_of_ipv6_is_one_address() -> None:
    tries = Tries(FREE)
    for n in range(10):
        tries.failed("CS1", f"2001:db8:0:1::{n:x}", 0)
    assert tries.wait_s("CS1", "2001:db8:0:1:ffff::1", 0) > 0
    assert tries.wait_s("CS1", "2001:db8:0:2::1", 0) == 0


def test_an_address_that_is_none_is_a_name_like_any_other() -> None:
    tries = Tries(FREE)
    failing(tries, 10, address="")
    assert tries.wait_s("CS1", "", 0) > 0


def test_memory_is_bounded() -> None:
    tries = Tries(FREE)
    failing(tries, 10)
    for n in range(10_000):
        tries.failed(f"made-up-{n}", f"10.{n >> 8}.{n & 255}.1", 0)
    assert tries.wait_s("CS1", HERE, 0) == 0


def test_it_can_be_switched_off() -> None:
    tries = Tries(0)
    assert failing(tries, 1000) == 0
    assert tries.wait_s("CS1", HERE, 0) == 0
