from csms_runtime.refusals import RefusalLimiter


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
