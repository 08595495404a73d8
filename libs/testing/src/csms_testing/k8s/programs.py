"""kubectl and helm as this machine has them, against the cluster that KUBECONFIG names."""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

_SHOWN = 2000


class CommandFailed(Exception):  # noqa: N818  # what happened, as people will read it
    """A program failed, or did not end in time; the message holds the end of what it wrote."""


async def output_of(*command: str, given: str = "", deadline_s: float = 120) -> str:
    """Run a program, with `given` as its input. Raises CommandFailed."""
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        written, errors = await asyncio.wait_for(process.communicate(given.encode()), deadline_s)
    except TimeoutError:
        raise CommandFailed(f"{_shown(command)}: not done after {deadline_s:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise CommandFailed(f"{_shown(command)}: {errors.decode(errors='replace')[-_SHOWN:].strip()}")
    return written.decode()


def _shown(command: Sequence[str]) -> str:
    return " ".join(command)[:200]


class Namespace:
    """A namespace of the cluster. Every method raises CommandFailed."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def kubectl(self, *arguments: str, given: str = "", deadline_s: float = 120) -> str:
        """Run kubectl in the namespace."""
        return await output_of("kubectl", "--namespace", self.name, *arguments, given=given, deadline_s=deadline_s)

    async def create(self) -> None:
        """Make it anew; it lets nothing in that the restricted Pod Security Standard forbids."""
        await output_of("kubectl", "delete", "namespace", self.name, "--ignore-not-found", deadline_s=300)
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
        metadata = {"name": self.name, "labels": labels}
        await self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

    async def delete(self) -> None:
        """Remove it with all that is in it; does not wait."""
        await output_of("kubectl", "delete", "namespace", self.name, "--ignore-not-found", "--wait=false")

    async def apply(self, *objects: Json) -> None:
        """Create or change objects."""
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        await self.kubectl("apply", "--filename=-", given=json.dumps(listed))

    async def items(self, kind: str, selector: str) -> list[Json]:
        """The objects of a kind with these labels."""
        found = json.loads(await self.kubectl("get", kind, f"--selector={selector}", "--output=json"))
        items: list[Json] = found["items"]
        return items

    async def evict(self, pod: str) -> bool:
        """Evict a pod, as a drain of its node does. False: its budget does not let it go now."""
        metadata = {"name": pod, "namespace": self.name}
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        path = f"/api/v1/namespaces/{self.name}/pods/{pod}/eviction"
        try:
            await self.kubectl("create", "--raw", path, "--filename=-", given=json.dumps(eviction))
        except CommandFailed as refusal:
            if "disruption budget" in str(refusal):
                return False
            raise
        return True
