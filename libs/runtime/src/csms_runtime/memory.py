"""What a large message took goes back to the system when it is freed."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""See mallopt(3)."""
_LARGE_BYTES = 256 * 1024
_ARENAS = 2


def give_back_freed() -> bool:
    """Let the allocator keep little of what is freed; False: it is not that of the GNU C library.

    By itself glibc raises its bounds to the largest block that was ever freed: after the first messages of 4 MiB it
    takes them, and their copies, from a heap that it keeps for good, in each thread one. Fixed bounds change no more: a
    large block is a mapping of its own, which ends when it is freed. That costs 1 ms for 4 MiB.
    """
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 musl and macOS have none
        mallopt = library.mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_M_MMAP_THRESHOLD, _LARGE_BYTES), (_M_TRIM_THRESHOLD, _LARGE_BYTES), (_M_ARENA_MAX, _ARENAS))
    taken = {name: mallopt(name, value) for name, value in settings}
    return all(taken.values())
