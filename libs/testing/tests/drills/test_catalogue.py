import pytest
from csms_testing.drills import catalogue


def test_names_are_unique_and_drills_explained():
    names = [drill.name for drill in catalogue.DRILLS]
    assert len(set(names)) == len(names)
    assert all(drill.what and drill.play.__doc__ for drill in catalogue.DRILLS if drill.play.__name__ != "play")


def test_chosen_by_name():
    assert [drill.name for drill in catalogue.chosen(["poison"])] == ["poison"]
    assert len(catalogue.chosen([])) == len(catalogue.DRILLS)
    with pytest.raises(KeyError):
        catalogue.chosen(["nothing"])


def test_each_drill_has_one_stage():
    staged = catalogue.by_stage(list(catalogue.DRILLS))
    assert sum(map(len, staged.values())) == len(catalogue.DRILLS)
