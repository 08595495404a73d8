import os

from csms_runtime.ids import is_traceparent, new_id, new_traceparent, trace_id


def test_ids_are_unique_and_fit_ocpp() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert max(map(len, ids)) <= 36


def test_a_forked_child_makes_other_ids() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert theirs.split("-")[0] != new_id().split("-")[0]


def test_traceparent() -> None:
    made = new_traceparent()
    assert is_traceparent(made)
    assert trace_id(made) == made[3:35]
    assert new_traceparent() != made


def test_what_is_no_traceparent() -> None:
    for text in ("", "00-0-0-01", f"00-{'0' * 32}-{'1' * 16}-01", f"ff-{'1' * 32}-{'1' * 16}-01", "x" * 55):
        assert not is_traceparent(text)
        assert trace_id(text) == ""
