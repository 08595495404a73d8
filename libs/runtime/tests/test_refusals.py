from csms_runtime.refusals import RefusalLimiter, RefusedLately


def test_each_station_is_told_once_per_interval() -> None:
    limiter = RefusalLimiter(interval_ms=60_000)
    assert limiter.due(["A", "B", "A"], 0) == ["A", "B"]
    limiter.told(["A", "B"], 0)
    assert limiter.due(["A", "C"], 59_999) == ["C"]
    assert limiter.due(["A"], 60_000) == ["A"]


def test_what_was_not_told_stays_due() -> None:
    limiter = RefusalLimiter()
    assert limiter.due(["A"], 0) == ["A"]
    assert limiter.due(["A"], 1) == ["A"]


def test_made_up_identities_meet_a_ceiling() -> None:
    limiter = RefusalLimiter(interval_ms=1_000, most_per_interval=3)
    first = limiter.due([f"S{n}" for n in range(10)], 0)
    assert first == ["S0", "S1", "S2"]
    limiter.told(first, 0)
    assert limiter.due(["S9"], 999) == []
    assert limiter.due(["S9"], 1_000) == ["S9"]


def test_memory_is_bounded_by_the_ceiling() -> None:
    limiter = RefusalLimiter(interval_ms=1_000, most_per_interval=5)
    for moment in range(0, 100_000, 100):
        limiter.told(limiter.due([f"S{moment}"], moment), moment)
        assert len(limiter._told) <= 5


def test_a_name_that_is_refused_again_and_again_counts_once_by_its_last_reason() -> None:
    lately = RefusedLately()
    for reason in ("no_password", "no_password", "wrong_password"):
        lately.refused("A", reason)
    lately.refused("B", "no_password")
    assert (lately.count("no_password"), lately.count("wrong_password"), lately.count("other")) == (1, 1, 0)


def test_who_is_let_in_counts_no_more() -> None:
    lately = RefusedLately()
    lately.refused("A", "x")
    lately.let_in("A")
    lately.let_in("B")
    assert lately.count("x") == 0


def test_old_refusals_count_no_more_and_names_are_bounded() -> None:
    now = 0.0
    lately = RefusedLately(recent_s=60, most=3, clock=lambda: now)
    lately.refused("A", "x")
    now = 30.0
    lately.refused("B", "x")
    now = 60.0
    assert lately.count("x") == 1
    for number in range(10):
        lately.refused(f"S{number}", "y")
    assert (lately.count("x"), lately.count("y")) == (0, 3)
