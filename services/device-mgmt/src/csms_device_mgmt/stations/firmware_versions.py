"""The order of firmware versions: vendors write them as they like, but numbers in them count as numbers. Pure."""

import re

MAX_VERSION = 50
"""Characters, as OCPP limits it."""
_PARTS = re.compile(r"[0-9]+|[^\W0-9_]+")
_LEADING_V = re.compile(r"^v(?=[0-9])")
_BEFORE_RELEASE = frozenset({"alpha", "beta", "dev", "pre", "preview", "rc", "snapshot"})
_END = "#"


def sort_key(version: str | None) -> str:
    """Return a text by which versions are ordered, compared by its bytes; "": none is known.

    A version is numbers and words; what stands between does not matter, nor does case. 1.9.2 < 1.10.0, 1.0 = 1.0.0 =
    v1.0, 1.0-rc1 < 1.0 < 1.0b < 1.0.1.
    """
    if version is None:
        return ""
    parts = _PARTS.findall(_LEADING_V.sub("", version.strip().casefold()))
    return "".join(map(_written, _without_last_zeros(parts))) + _END


def _without_last_zeros(parts: list[str]) -> list[str]:
    """Return the parts without zeros that end a row of numbers, unless the row is nothing else."""
    kept: list[str] = []
    for part in [*parts, ""]:
        if not _is_number(part):
            while len(kept) > 1 and _is_zero(kept[-1]) and _is_number(kept[-2]):
                kept.pop()
        kept.append(part)
    return kept[:-1]


def _is_number(part: str) -> bool:
    return part.isascii() and part.isdigit()


def _is_zero(part: str) -> bool:
    return _is_number(part) and not part.strip("0")


def _written(part: str) -> str:
    """Return a part so that its first character sorts: words before a release, the end, other words, numbers."""
    if _is_number(part):
        digits = part.lstrip("0") or "0"
        return f"N{len(digits):02}{digits}"
    return f"!{part}" if part in _BEFORE_RELEASE else f"L{part}"
