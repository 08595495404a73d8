"""Searches for input that breaks a target, guided by coverage (Atheris, which is libFuzzer): `make fuzz`.

Starts from tests/fuzz/corpus and what earlier runs found (.cache/fuzz). What breaks a target is written there and its
path shown: mend the code, and add the file to the corpus. `--keep` adds what reaches further than the corpus does.
"""

import argparse
import random
import shlex
import subprocess
import sys
from pathlib import Path

import orjson

_HERE = Path(__file__).parent
_CORPUS = _HERE / "corpus"
_CACHE = _HERE.parents[1] / ".cache" / "fuzz"
_INSTRUMENTED = ["csms_ocpp", "csms_gateway", "csms_auth", "csms_transactions", "websockets"]
_MAX_BYTES = 65_536
"""Of an input: more than any header, certificate or CSR may have. Of messages, `large` makes what they may have."""
_LINES = {"frame", "session"}
"""Targets whose input holds frames, line by line."""
_JSON = {"payload", "transaction", "large"}
"""Targets whose input has lines of JSON after the first."""


def main() -> int:
    """Fuzz the targets one after the other, each in a process of its own."""
    import targets  # noqa: PLC0415 instrumented in the processes that fuzz

    parser = argparse.ArgumentParser(
        prog="make fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    about = "\n".join(f"{name}: {text}" for name, text in targets.ABOUT.items())
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"which ones; all if none is named\n{about}")
    parser.add_argument("--seconds", type=int, default=60, help="how long to search, per target (default: 60)")
    parser.add_argument("--keep", action="store_true", help="then add to the corpus what reaches further than it does")
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(targets.TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    broken = [
        name
        for name in arguments.targets or targets.TARGETS
        if _search(name, arguments.seconds) or (arguments.keep and _keep(name))
    ]
    print(f"broken: {', '.join(broken)}" if broken else "nothing found")
    return 1 if broken else 0


def _search(name: str, seconds: int) -> int:
    print(f"--- {name}, {seconds} s", flush=True)
    found = _CACHE / name
    (found / "corpus").mkdir(parents=True, exist_ok=True)
    (_CORPUS / name).mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", f"-max_len={_MAX_BYTES}", "-timeout=10", "-rss_limit_mb=2048"]
    return _run(name, *limits, "-print_final_stats=1", f"-artifact_prefix={found}/", found / "corpus", _CORPUS / name)


def _keep(name: str) -> int:
    return _run(name, "-merge=1", "-use_counters=0", f"-max_len={_MAX_BYTES}", _CORPUS / name, _CACHE / name / "corpus")


def _run(name: str, *options: object) -> int:
    command = [sys.executable, __file__, "--process", name, *map(str, options)]
    return subprocess.run(command, check=False).returncode  # noqa: S603 this very program


def _fuzz(name: str, options: list[str]) -> None:
    """Become libFuzzer. Never returns."""
    import atheris  # noqa: PLC0415 only here is it needed

    with atheris.instrument_imports(include=_INSTRUMENTED):
        import targets  # noqa: PLC0415 to be instrumented
    import messages  # noqa: PLC0415 as above

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)  # noqa: S311 no secret
        if rng.random() < 0.5:
            made = _mutated(messages, rng, name, data)
            if made is not None and len(made) <= max_size:
                return made
        return bytes(atheris.Mutate(data, max_size))

    run = targets.TARGETS[name]
    # libFuzzer starts its first argument again, through a shell, when it merges.
    arguments = [shlex.join([sys.executable, __file__, "--process", name]), *options]
    if name in _LINES | _JSON:
        atheris.Setup(arguments, run, custom_mutator=mutate)
    else:
        atheris.Setup(arguments, run)
    atheris.Fuzz()


def _mutated(messages: object, rng: random.Random, name: str, data: bytes) -> bytes | None:
    """The input with one line of JSON changed or replaced; None: leave it to the mutator of bytes."""
    lines = data.split(b"\n")
    places = [place for place, line in enumerate(lines) if line[:1] in b"[{"]
    if not places:
        return None
    place = rng.choice(places)
    protocol = _protocol(messages, lines[0])
    if name == "session" and rng.random() < 0.2:
        lines.insert(
            place, rng.choice((b"!reply {}", b"!refuse no", b"!tick", b"!stored", messages.call(rng, protocol)))
        )
    elif name in _LINES and rng.random() < 0.2:
        lines[place] = messages.call(rng, protocol)
    else:
        try:
            lines[place] = orjson.dumps(messages.changed(rng, orjson.loads(lines[place])))
        except (ValueError, TypeError):
            return None
    return b"\n".join(lines)


def _protocol(messages: object, head: bytes) -> object:
    return next((each for each in messages.Protocol if each.value.encode() in head), messages.Protocol.OCPP201)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--process"]:
        _fuzz(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main())
