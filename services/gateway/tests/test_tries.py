import pytest
from csms_gateway.tries import LONGEST_DELAY_S, LONGEST_WAIT_S, Penalty, Tries

FREE = 5
HERE, THERE = "192.0.2.1", "198.51.100.1"
WRONG, RIGHT = b"digest of a wrong password", b"digest of the right password"
NOTHING = Penalty(0, 0)


def failing(tries: Tries, count: int, station_id: str = "CS1", address: str = HERE, now: float = 0.0) -> Penalty:
    penalty = NOTHING
    for _ in range(count):
        penalty = tries.failed(station_id, address, WRONG, now)
    return penalty


def beginning(tries: Tries, count: int, digest: bytes = WRONG, *, address: str = HERE) -> list[bool]:
    return [tries.begin("CS1", address, digest) for _ in range(count)]


def test_the_first_wrong_passwords_cost_nothing() -> None:
    assert failing(Tries(FREE), FREE) == NOTHING


def test_from_then_on_they_are_told_to_wait_longer_and_longer_but_never_long() -> None:
    tries = Tries(FREE)
    failing(tries, FREE)
    penalties = [failing(tries, 1) for _ in range(100)]
    waits, delays = [each.retry_after_s for each in penalties], [each.delay_s for each in penalties]
    assert (waits[:3], delays[0]) == ([2, 4, 8], pytest.approx(0.1))
    assert (waits, delays) == (sorted(waits), sorted(delays))
    assert (waits[-1], delays[-1]) == (LONGEST_WAIT_S, LONGEST_DELAY_S)


def test_whatever_failed_before_a_password_may_be_tried() -> None:
    tries = Tries(FREE)
    failing(tries, 1000)
    assert tries.begin("CS1", HERE, RIGHT)


def test_few_are_tried_at_a_time() -> None:
    tries = Tries(FREE)
    assert beginning(tries, 7) == [True] * FREE + [False] * 2
    assert tries.begin("CS2", HERE, WRONG)
    assert tries.begin("CS1", THERE, WRONG)
    tries.end("CS1", HERE)
    assert beginning(tries, 2) == [True, False]


def test_the_right_password_of_before_is_always_tried() -> None:
    tries = Tries(FREE)
    tries.succeeded("CS1", THERE, RIGHT)
    beginning(tries, FREE)
    assert not tries.begin("CS1", HERE, WRONG)
    assert tries.begin("CS1", HERE, RIGHT)


def test_until_it_is_wrong() -> None:
    tries = Tries(FREE)
    tries.succeeded("CS1", HERE, RIGHT)
    tries.failed("CS1", HERE, RIGHT, 0)
    beginning(tries, FREE)
    assert not tries.begin("CS1", HERE, RIGHT)


def test_the_same_station_elsewhere_and_others_here_need_not_wait() -> None:
    tries = Tries(FREE)
    failing(tries, 15)
    assert failing(tries, 1, address=THERE) == NOTHING
    assert failing(tries, 1, station_id="CS2") == NOTHING


def test_the_right_password_ends_it() -> None:
    tries = Tries(FREE)
    failing(tries, FREE)
    tries.succeeded("CS1", HERE, RIGHT)
    assert failing(tries, FREE) == NOTHING


def test_failures_are_forgotten() -> None:
    tries = Tries(FREE)
    failing(tries, FREE)
    assert failing(tries, 1, now=60) == NOTHING


def test_refusals_come_later_for_a_station_that_many_try() -> None:
    tries = Tries(FREE)
    penalties = [tries.failed("CS1", f"192.0.2.{n}", WRONG, 0) for n in range(100)]
    delays = [each.delay_s for each in penalties]
    assert delays[:20] == [0] * 20
    assert delays == sorted(delays)
    assert penalties[-1] == Penalty(LONGEST_DELAY_S, 0)


def test_refusals_come_later_for_an_address_that_tries_many() -> None:
    tries = Tries(FREE)
    delays = [tries.failed(f"CS{n}", HERE, WRONG, 0).delay_s for n in range(200)]
    assert delays[:100] == [0] * 100
    assert delays[-1] == LONGEST_DELAY_S
    assert tries.failed("CS1", THERE, WRONG, 0) == NOTHING


def test_one_subscriber_of_ipv6_is_one_address() -> None:
    tries = Tries(FREE)
    for n in range(10):
        tries.failed("CS1", f"2001:db8:0:1::{n:x}", WRONG, 0)
    assert tries.failed("CS1", "2001:db8:0:1:ffff::1", WRONG, 0).retry_after_s > 0
    assert tries.failed("CS1", "2001:db8:0:2::1", WRONG, 0).retry_after_s == 0


def test_an_address_that_is_none_is_a_name_like_any_other() -> None:
    assert failing(Tries(FREE), 10, address="").retry_after_s > 0


def test_memory_is_bounded() -> None:
    tries = Tries(FREE)
    failing(tries, 10)
    tries.succeeded("CS1", THERE, RIGHT)
    for n in range(10_000):
        tries.failed(f"made-up-{n}", f"10.{n >> 8}.{n & 255}.1", WRONG, 0)
    for n in range(20_000):
        tries.succeeded(f"another-{n}", HERE, RIGHT)
    beginning(tries, FREE)
    assert not tries.begin("CS1", HERE, RIGHT)
    assert tries.failed("CS1", HERE, WRONG, 0) == NOTHING


def test_it_can_be_switched_off() -> None:
    tries = Tries(0)
    assert failing(tries, 1000) == NOTHING
    assert beginning(tries, 100) == [True] * 100
