import pytest
from csms_runtime.http.prefer import wants_async


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        (None, False),
        ("", False),
        ("respond-async", True),
        ("Respond-Async", True),
        ("wait=10, respond-async", True),
        ("respond-async; x=1,wait=10", True),
        (" respond-async ;", True),
        ("respond-asynchronously", False),
        ("x=respond-async", False),
        (",;,", False),
    ],
)
def test_respond_async(prefer: str | None, expected: bool) -> None:  # noqa: FBT001 a table
    assert wants_async(prefer) is expected
