"""`python -m csms_bus.events`: writes what is made from the catalogue of events, or checks it."""

import argparse
import sys
from pathlib import Path

import orjson

from csms_bus.events.asyncapi import document, text
from csms_bus.events.breaking import breaks
from csms_bus.events.page import page

_PAGE, _DOCUMENT = Path("docs/events.md"), Path("docs/asyncapi.json")
_PUBLISHED = Path("proto/released.asyncapi.json")


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m csms_bus.events", description=f"Write {_PAGE} and {_DOCUMENT}.")
    parser.add_argument(
        "--check", action="store_true", help=f"fail unless they are up to date and break nothing of {_PUBLISHED}"
    )
    if not parser.parse_args().check:
        _PAGE.write_text(page())
        _DOCUMENT.write_text(text())
        return
    outdated = [str(path) for path, made in ((_PAGE, page()), (_DOCUMENT, text())) if path.read_text() != made]
    if outdated:
        sys.exit(f"{' and '.join(outdated)} out of date: make docs")
    broken = breaks(orjson.loads(_PUBLISHED.read_bytes()), document())
    if broken:
        sys.exit("Readers of events would meet what they do not know:\n  " + "\n  ".join(broken))


if __name__ == "__main__":
    _main()
