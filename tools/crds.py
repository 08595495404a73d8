"""Writes the schemas of operators' kinds of which the chart makes objects, from the operators' Go modules (needs Go).

    .venv/bin/python tools/crds.py deploy/helm/tests/crds

Go checks each module against the public checksum database. What is written is the published schema, without its
descriptions, and strict: a field that the operator does not know is refused here, where Kubernetes would drop it.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a definition stands: a Go module at a version, and the file in it."""

    module: str
    version: str
    file: str


_OPERATOR = ("github.com/prometheus-operator/prometheus-operator", "v0.85.0")
_OPERATOR_FILES = "example/prometheus-operator-crd/monitoring.coreos.com"
SOURCES = (
    Source("github.com/kedacore/keda/v2", "v2.21.0", "config/crd/bases/keda.sh_scaledobjects.yaml"),
    Source("github.com/cert-manager/cert-manager", "v1.21.2", "deploy/crds/cert-manager.io_certificates.yaml"),
    Source(*_OPERATOR, f"{_OPERATOR_FILES}_podmonitors.yaml"),
    Source(*_OPERATOR, f"{_OPERATOR_FILES}_prometheusrules.yaml"),
    Source("sigs.k8s.io/gateway-api", "v1.5.1", "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"),
)


def folder(source: Source) -> Path:
    """Return where Go keeps the module, fetched if need be. Raises CalledProcessError."""
    command = ["go", "mod", "download", "-json", f"{source.module}@{source.version}"]
    done = subprocess.run(command, capture_output=True, check=True, cwd="/")  # noqa: S603 fixed modules
    return Path(json.loads(done.stdout)["Dir"])


def _left_out(key: str, value: object) -> bool:
    """Whether it is a description, or a pattern with Go's flags, which nothing else reads. A property is neither."""
    return isinstance(value, str) and (key == "description" or (key == "pattern" and "(?i)" in value))


def strict(schema: object) -> object:
    """Return a schema without descriptions, in which an object has no fields but those that are listed."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items() if not _left_out(key, value)}
    if "properties" in schema and schema.get("type") == "object":
        made.setdefault("additionalProperties", schema.get("x-kubernetes-preserve-unknown-fields", False))
    return made


def written(source: Source) -> Json:
    """Return what is kept of a definition: its kind, the version that is stored, its schema."""
    definition = yaml.safe_load((folder(source) / source.file).read_text())
    (version,) = [each for each in definition["spec"]["versions"] if each["storage"]]
    return {
        "origin": f"{source.module}@{source.version}/{source.file}",
        "apiVersion": f"{definition['spec']['group']}/{version['name']}",
        "kind": definition["spec"]["names"]["kind"],
        "schema": strict(version["schema"]["openAPIV3Schema"]),
    }


def main(target: Path) -> None:
    """Write a file for each kind."""
    for source in SOURCES:
        made = written(source)
        (target / f"{made['kind']}.json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
