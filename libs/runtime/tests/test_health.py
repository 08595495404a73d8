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


def test_what_all_replicas_share_degrades_but_does_not_make_unready() -> None:
    """It fails for all of them at once: without any ready replica the whole service would be gone."""
    health = Health()
    health.set("database", ok=True, shared=True)
    assert not health.ready  # nothing is known of its own parts
    health.set("consumer", ok=True)
    assert (health.ready, health.status) == (True, "ready")
    health.set("database", ok=False, detail="no answer for 3 s", shared=True)
    assert (health.ready, health.status) == (True, "degraded")
    health.set("consumer", ok=False)
    assert (health.ready, health.status) == (False, "not ready")


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
