"""Every input that is kept, run through its target: those that once broke something, and those that reach far."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

_HERE = Path(__file__).parent
CORPUS = _HERE / "corpus"


MOST_S = 0.15
"""CPU time of an input. The search allows a third of it; here others use the machine too, and no test may be flaky."""


def _load() -> ModuleType:
    package = _HERE / "targets"
    spec = importlib.util.spec_from_file_location(
        "csms_fuzz_targets", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


targets = _load()
targets.bounds.most_s = MOST_S
TARGETS = targets.TARGETS


@pytest.mark.alone
@pytest.mark.parametrize("target", TARGETS)
def test_what_is_kept(target: str) -> None:
    files = sorted((CORPUS / target).iterdir())
    assert files
    for file in files:
        try:
            TARGETS[target](file.read_bytes())
        except Exception as error:
            error.add_note(f"input: {file.relative_to(_HERE)}")
            raise


def test_nothing_is_kept_for_targets_that_are_gone() -> None:
    assert {directory.name for directory in CORPUS.iterdir()} == set(TARGETS)
