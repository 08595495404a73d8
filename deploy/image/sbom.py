"""Prints what is in the image, as CycloneDX 1.6: the Python distributions of this environment, and Debian's packages.

Runs while the image is built (Dockerfile), on the standard library alone.
"""

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions, version
from typing import Any
from urllib.parse import quote

_PRODUCT = "csms"
_FIELDS = r"${Package}\t${Version}\t${Architecture}\n"

Component = dict[str, Any]


def sbom() -> dict[str, Any]:
    """The whole document. The same environment gives the same one."""
    components = [*_python(), *_distributions(), *_debian()]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component("application", _PRODUCT, version(_PRODUCT), "pypi")},
        "components": sorted(components, key=lambda component: component["purl"]),
    }


def _component(kind: str, name: str, found: str, ecosystem: str, qualifiers: str = "") -> Component:
    purl = f"pkg:{ecosystem}/{quote(name)}@{quote(found, safe='~')}{qualifiers}"
    return {"type": kind, "bom-ref": purl, "name": name, "version": found, "purl": purl}


def _python() -> Iterator[Component]:
    yield _component("platform", "python", platform.python_version(), "generic")


def _distributions() -> Iterator[Component]:
    for found in distributions():
        name = re.sub(r"[-_.]+", "-", found.name).lower()
        if name != _PRODUCT:
            yield _component("library", name, found.version, "pypi") | _licences(found)


def _licences(found: Distribution) -> Component:
    if "License-Expression" in found.metadata:
        return {"licenses": [{"expression": found.metadata["License-Expression"]}]}
    classifiers = found.metadata.get_all("Classifier") or []
    names = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: ")]
    return {"licenses": [{"license": {"name": name}} for name in names]} if names else {}


def _debian() -> Iterator[Component]:
    query = shutil.which("dpkg-query")
    if query is None:  # not a Debian
        return
    listed = subprocess.run([query, "--show", f"--showformat={_FIELDS}"], capture_output=True, text=True, check=True)  # noqa: S603 fixed program
    for line in listed.stdout.splitlines():
        name, found, architecture = line.split("\t")
        yield _component("library", name, found, "deb/debian", f"?arch={architecture}")


if __name__ == "__main__":
    json.dump(sbom(), sys.stdout, indent=1)
    sys.stdout.write("\n")
