"""What a test needs from the machine: missing means skipped, with the reason; in CI it means failed."""

import os
from typing import NoReturn

import pytest


def in_ci() -> bool:
    """Whether the environment says CI=true."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def require(missing: str | None) -> None:
    """Skip the running test when `missing` says what is missing; fail it in CI."""
    if missing is not None:
        _end(missing)


def _end(reason: str) -> NoReturn:
    if in_ci():
        pytest.fail(f"needed in CI: {reason}", pytrace=False)
    pytest.skip(reason)
