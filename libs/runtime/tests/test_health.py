from csms_runtime.health import Health


def test_nothing_known_is_not_ready() -> None:
    assert not Health().ready


def test_ready_when_all_parts_are() -> None:
    health = Health()
    health.set("bus", ok=True)
    health.set("database", ok=False, detail="cannot connect")
    assert not health.ready
    assert health.components()["database"].detail == "cannot connect"
    health.set("database", ok=True)
    assert health.ready


def test_draining_is_for_good() -> None:
    health = Health()
    health.set("bus", ok=True)
    health.drain()
    health.set("bus", ok=True)
    assert health.draining
    assert not health.ready


def test_forgotten_parts_do_not_count() -> None:
    health = Health()
    health.set("bus", ok=True)
    health.set("x", ok=False)
    health.forget("x")
    health.forget("never there")
    assert health.ready
