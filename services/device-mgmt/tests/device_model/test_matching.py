import time
from typing import Any

from csms_device_mgmt.device_model.matching import first_duplicate, in_request_order


def element(variable: str, attribute: str | None = None, **more: object) -> dict[str, Any]:
    named = {"component": {"name": "C"}, "variable": {"name": variable}, **more}
    return named if attribute is None else {**named, "attributeType": attribute}


def test_results_come_back_in_the_order_of_the_request() -> None:
    results = [element("b", value=2), element("a", value=1)]
    assert in_request_order([element("a"), element("b")], results) == [results[1], results[0]]


def test_absent_attribute_type_matches_actual() -> None:
    result = element("a", "Actual")
    assert in_request_order([element("a")], [result]) == [result]


def test_attribute_types_are_told_apart() -> None:
    results = [element("a", "MaxSet", value="9"), element("a", value="1")]
    assert in_request_order([element("a"), element("a", "MaxSet")], results) == [results[1], results[0]]


def test_missing_result_is_none() -> None:
    assert in_request_order([element("a"), element("b")], [element("b")]) == [None, element("b")]


def test_element_asked_for_twice() -> None:
    assert in_request_order([element("a"), element("a")], [element("a", n=1), element("a", n=2)]) == [
        element("a", n=1),
        element("a", n=2),
    ]
    assert in_request_order([element("a"), element("a")], [element("a", n=1)]) == [element("a", n=1)] * 2


def test_first_duplicate() -> None:
    assert first_duplicate([element("a"), element("b"), element("A", "Actual")]) == 2
    assert first_duplicate([element("a"), element("a", "Target")]) is None


def test_very_many_results_for_one_variable_are_matched_quickly() -> None:
    asked = [element("a")] * 60_000
    results = [element("a", value=number) for number in range(60_000)]
    began = time.process_time()
    assert in_request_order(asked, results) == results
    assert time.process_time() - began < 5
