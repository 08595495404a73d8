"""The chart as a release in a namespace: installed, changed, rolled back, watched."""

import asyncio
import base64
import json
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml

from csms_testing.k8s.names import ROUTER, WORKLOADS
from csms_testing.k8s.programs import CommandFailed, Json, Namespace, output_of

_HELM_S = 900
_TIMEOUT = f"--timeout={_HELM_S}s"
_ROLLED_OUT_S = 600.0
_POLL_S = 0.5


def merged(values: Json, changes: Mapping[str, object]) -> Json:
    """Values with changes laid over them, as `helm --values` lays one file over another."""
    result = dict(values)
    for name, change in changes.items():
        old = result.get(name)
        result[name] = merged(old, change) if isinstance(old, dict) and isinstance(change, Mapping) else change
    return result


def known_to(chart: Path, values: Json) -> Json:
    """Return the values whose names a chart has: it refuses others, and an earlier one has fewer services."""
    names = yaml.safe_load((chart / "values.yaml").read_text())
    return {name: value for name, value in values.items() if name in names}


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as it was when it was looked at."""

    name: str
    uid: str
    created: str
    ready: bool
    ending: bool
    restarts: int

    @classmethod
    def of(cls, item: Json) -> Self:
        """Make it of what the API server tells."""
        metadata, status = item["metadata"], item["status"]
        conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
        return cls(
            metadata["name"],
            metadata["uid"],
            metadata["creationTimestamp"],
            ready=conditions.get("Ready") == "True",
            ending="deletionTimestamp" in metadata,
            restarts=sum(each["restartCount"] for each in status.get("containerStatuses", ())),
        )


class Release:
    """A release. Every method raises CommandFailed."""

    def __init__(self, namespace: Namespace, chart: Path, values: Json, name: str = "csms") -> None:
        self.namespace = namespace
        self.name = name
        self.values = values
        self.chart = chart

    async def install(self, changes: Mapping[str, object] | None = None, *flags: str) -> None:
        """Install the chart, or bring the release to these values; does not wait for pods."""
        self.values = merged(self.values, changes or {})
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(known_to(self.chart, self.values), file)
            file.flush()
            await self._helm(
                "upgrade", "--install", self.name, str(self.chart), f"--values={file.name}", _TIMEOUT, *flags
            )

    async def upgrade(self, changes: Mapping[str, object]) -> None:
        """Change values, and wait until everything runs with them."""
        await self.install(changes)
        await self.rolled_out()

    async def take_back(self, changes: Mapping[str, object]) -> None:
        """As `upgrade`, also of what an autoscaler has set: Helm 4 leaves that to it unless it is told otherwise."""
        try:
            await self.install(changes)
        except CommandFailed as error:
            if "conflict" not in str(error):
                raise
            await self.install(changes, "--force-conflicts")
        await self.rolled_out()

    async def rollback(self) -> None:
        """Go back to the revision before, and wait until everything runs so."""
        await self._helm("rollback", self.name, _TIMEOUT)
        await self.rolled_out()

    async def uninstall(self) -> None:
        """Remove the release."""
        await self._helm("uninstall", self.name)

    async def revision(self) -> int:
        """The number of the revision that is deployed."""
        return int(json.loads(await self._helm("status", self.name, "--output=json"))["version"])

    async def rolled_out(self, component: str | None = None) -> None:
        """Wait until all pods of a workload (default: of each that the release has) are new and ready."""
        for found in (component,) if component else (*await self.workloads(), ROUTER):
            await self.kubectl("rollout", "status", await self.workload(found), f"--timeout={_ROLLED_OUT_S:g}s")

    async def workloads(self) -> list[str]:
        """Return the components of the services that the release has: an earlier chart has fewer."""
        found = {
            item["metadata"]["labels"].get("app.kubernetes.io/component")
            for kind in ("statefulset", "deployment")
            for item in await self.namespace.items(kind, f"app.kubernetes.io/instance={self.name}")
        }
        return [component for component in WORKLOADS if component in found]

    async def workload(self, component: str) -> str:
        """The name of a workload with its kind, as kubectl takes it."""
        for kind in ("statefulset", "deployment"):
            for item in await self.namespace.items(kind, self._selector(component)):
                return f"{kind}/{item['metadata']['name']}"
        raise CommandFailed(f"the release has no workload {component}")

    async def pods(self, component: str) -> list[Pod]:
        """The pods of a workload, also those that are about to end; the oldest first."""
        return await self._pods(self._selector(component))

    async def replaced(self, component: str, gone: Collection[str]) -> None:
        """Wait until pods are gone, by their uids, and as many as there should be are ready."""
        wanted = json.loads(await self.kubectl("get", await self.workload(component), "--output=json"))["spec"][
            "replicas"
        ]
        deadline = time.monotonic() + _ROLLED_OUT_S
        while True:
            pods = await self.pods(component)
            if sum(pod.ready for pod in pods) == len(pods) == wanted and not {pod.uid for pod in pods} & set(gone):
                return
            if time.monotonic() > deadline:
                raise CommandFailed(f"{component}: after {_ROLLED_OUT_S:g} s its pods are {pods}")
            await asyncio.sleep(_POLL_S)

    async def restarts(self) -> dict[str, int]:
        """How often containers ended by themselves, by name and uid of their pods."""
        found = await self._pods(f"app.kubernetes.io/instance={self.name}")
        return {f"{pod.name} {pod.uid}": pod.restarts for pod in found}

    async def _pods(self, selector: str) -> list[Pod]:
        found = [Pod.of(item) for item in await self.namespace.items("pod", selector)]
        return sorted(found, key=lambda pod: pod.created)

    async def secret(self, name: str, key: str) -> str:
        """The text of a Secret's key."""
        data = json.loads(await self.kubectl("get", "secret", name, "--output=json"))["data"]
        if key not in data:
            raise CommandFailed(f"the Secret {name} has no key {key}, but {', '.join(sorted(data))}")
        return base64.b64decode(data[key]).decode()

    async def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the release's namespace."""
        return await self.namespace.kubectl(*arguments, deadline_s=_ROLLED_OUT_S + 30)

    def _selector(self, component: str) -> str:
        return f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component={component}"

    async def _helm(self, *arguments: str) -> str:
        command = ("helm", f"--namespace={self.namespace.name}", *arguments)
        return await output_of(*command, deadline_s=_HELM_S + 60)
