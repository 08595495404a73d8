"""What is fuzzed: each target takes bytes, runs them through what reads input from outside, and checks what holds.

A target raises nothing but AssertionError, and that only when something is wrong. All are pure, and fast: thousands of
runs a second. `python tests/fuzz/run.py` searches for input that breaks them; `test_corpus.py` replays what is kept.

Input that takes more time or memory than any may is wrong too: one station's must not hold up the others. What is as
large as it may be comes from `large`, whose input says how to make it.
"""

from collections.abc import Callable
from functools import partial

from .bounds import bounded
from .certificates import certificate, ocsp_response, signing_request
from .frames import frame, session
from .handshakes import handshake
from .large import large
from .payloads import payload, time, transaction


def _small(run: Callable[[bytes], None], data: bytes) -> None:
    bounded(lambda: run(data))


_SMALL = (frame, session, payload, transaction, time, handshake, signing_request, certificate, ocsp_response)
TARGETS: dict[str, Callable[[bytes], None]] = {run.__name__: partial(_small, run) for run in _SMALL} | {"large": large}
ABOUT = {run.__name__: (run.__doc__ or "").splitlines()[0] for run in (*_SMALL, large)}
