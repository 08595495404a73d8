"""Processes of a cluster: whether they ended by themselves."""

import pytest
from csms_testing.cluster.processes import ServiceProcess


@pytest.fixture
def make_process(tmp_path):
    def make(module, *arguments):
        return ServiceProcess(module, module, {}, 0, tmp_path / "process.log", arguments)

    return make


async def test_a_process_that_ends_by_itself_has_died(make_process):
    process = make_process("this")
    assert not process.died
    await process.start()
    assert await process.ended() == 0
    assert process.died


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_process_that_was_ended_has_not_died(make_process, how):
    process = make_process("http.server", "0", "--bind", "127.0.0.1")
    await process.start()
    assert process.pid is not None
    await getattr(process, how)()
    assert process.pid is None
    assert not process.died


async def test_a_frozen_process_does_not_end_until_it_is_thawed(make_process):
    process = make_process("http.server", "0", "--bind", "127.0.0.1")
    await process.start()
    process.freeze()
    try:
        assert process.pid is not None
        assert not process.died
    finally:
        process.thaw()
        await process.stop()
