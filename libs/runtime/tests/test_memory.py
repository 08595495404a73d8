"""What was freed is given back; in a process of its own, for such settings hold for all of one."""

import subprocess
import sys

_FREES = """
from pathlib import Path
from csms_runtime.memory import give_back_freed

def resident():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)

if not give_back_freed():
    print("other")
else:
    for _ in range(3):
        blocks = [bytes(4 * 1024 * 1024).replace(b"\\0", b"a") for _ in range(8)]
        kept = [bytes(300) for _ in range(1000)]
        del blocks
    before = resident()
    blocks = [b"a" * 4 * 1024 * 1024 for _ in range(8)]
    wide = resident()
    del blocks
    print(before, wide, resident())
"""


def test_large_blocks_go_back_to_the_system() -> None:
    done = subprocess.run(  # noqa: S603 our own text
        [sys.executable, "-c", _FREES], capture_output=True, text=True, check=True
    )
    if done.stdout == "other\n":
        return
    before, wide, after = map(int, done.stdout.split())
    assert wide - before > 30_000
    assert after - before < 2_000
