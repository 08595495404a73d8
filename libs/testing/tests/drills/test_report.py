import json

from csms_testing.drills.__main__ import _table, _write
from csms_testing.drills.drill import Result


def result(name, *, ok):
    return Result(name, "what", "one broker", ok=ok, recovery_s=1.5, commands={"answered": 2})


def names_and_outcomes(path):
    return [(drill["name"], drill["ok"]) for drill in json.loads(path.read_text())["drills"]]


def test_a_second_run_replaces_what_it_ran_again_and_keeps_the_rest(tmp_path):
    _write([result("poison", ok=True), result("kill-auth", ok=False)], tmp_path / "new", short=False)
    path = _write([result("kill-auth", ok=True)], tmp_path / "new", short=False)
    assert names_and_outcomes(path) == [("kill-auth", True), ("poison", True)]


def test_short_runs_have_a_report_of_their_own(tmp_path):
    paths = {_write([result("poison", ok=True)], tmp_path, short=short) for short in (False, True)}
    assert len(paths) == 2


def test_table_shows_each_drill():
    assert _table([result("poison", ok=True), result("kill-auth", ok=False)]).row_count == 2
