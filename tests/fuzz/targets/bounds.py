"""How much time and memory an input may take."""

import resource
import time as clock
from collections.abc import Callable

most_s = 0.05
"""CPU time that any input may take; what takes more is a finding."""
_MOST_KIB = 64 * 1024
"""By how much one input may raise the most memory that this process ever had: for its values and their copies."""
_TRIES = 5


def bounded(run: Callable[[], float | None]) -> None:
    """Run something and fail when it takes too much. Others use the machine too, so the best of some tries counts.

    What `run` returns counts as its time, in seconds.
    """
    for _ in range(_TRIES):
        memory, began = _peak_kib(), clock.process_time()
        longest = run()
        took, grown = clock.process_time() - began if longest is None else longest, _peak_kib() - memory
        assert grown <= _MOST_KIB, f"memory grew by {grown} KiB"
        if took <= most_s:
            return
    raise AssertionError(f"took {took * 1000:.0f} ms of CPU")


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
