"""docs/conformance.md: made from catalogue, tests and results, and checked against them."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def tool():
    path = Path(__file__).parents[2] / "tools" / "conformance.py"
    spec = importlib.util.spec_from_file_location("conformance_page", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def cases(tool):
    return [
        tool.Case("TC_A_01_CSMS", "C", "", "One", ""),
        tool.Case("TC_A_04_CSMS", "C", "C-1", "Two", "needs TLS"),
        tool.Case("TC_K_01_CSMS", "SC", "", "Three", ""),
    ]


MODES = ("standalone", "distributed", "standalone ocpp2.1", "distributed ocpp2.1")
PASSED = {("TC_A_01_CSMS", mode): "passed" for mode in MODES}
TESTS = {"TC_A_01_CSMS"}


def test_no_row_is_missing(tool, cases):
    text = tool.page(cases, TESTS, PASSED)
    assert "| TC_A_01_CSMS | One | C | M | passed | passed | passed | passed |  |" in text
    assert "| TC_A_04_CSMS | Two | C | C-1 | not yet | not yet | not yet | not yet | needs TLS |" in text
    assert "| TC_K_01_CSMS | Three | SC | M | not yet | not yet | not yet | not yet | no test written yet |" in text
    assert tool.problems(text, cases, TESTS) == []


def test_cases_of_other_versions_are_played_in_one(tool):
    case = tool.Case("TC_001_CSMS", "1.6 Core", "", "One", "")
    text = tool.page([case], {case.id}, {(case.id, mode): "passed" for mode in MODES[:2]})
    assert "| TC_001_CSMS | One | 1.6 Core | M | passed | passed |  |" in text
    assert tool.problems(text, [case], {case.id}) == []


@pytest.mark.parametrize("mode", ["distributed", "standalone ocpp2.1"])
@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_what_did_not_pass_is_a_problem(tool, cases, outcome, mode):
    results = {**PASSED, ("TC_A_01_CSMS", mode): outcome}
    (problem,) = tool.problems(tool.page(cases, TESTS, results), cases, TESTS)
    assert outcome in problem


def test_what_was_not_run_is_a_problem(tool, cases):
    assert tool.problems(tool.page(cases, TESTS, {}), cases, TESTS)


def test_a_page_behind_the_tests_is_a_problem(tool, cases):
    text = tool.page(cases, TESTS, PASSED)
    assert tool.problems(text, cases, set())
    assert tool.problems(text, cases, {*TESTS, "TC_K_01_CSMS"})
    assert tool.problems(text, cases, {*TESTS, "TC_K_99_CSMS"})
    assert tool.problems(text, cases[:2], TESTS)
    assert tool.problems(text, [*cases, tool.Case("TC_L_01_CSMS", "C", "", "Four", "")], TESTS)


def test_every_test_is_of_a_case_in_the_catalogue(tool):
    known = {case.id for case in tool.catalogue()}
    assert tool.existing_tests() <= known
    assert len(known) == 251 + 77 + 79  # 2.0.1, 1.6 and 2.1
