"""CSMS_SECRET_KEY is replaced, step by step as docs/runbooks/rotate-secret-key.md says, while stations charge."""

import asyncio
import json
import secrets
import time
from collections.abc import Mapping

from csms_testing.drills.failure import DrillFailed
from csms_testing.k8s.names import WORKLOADS
from csms_testing.k8s.programs import CommandFailed
from csms_testing.k8s.release import Release
from csms_testing.k8s.scenario import Scene

_OTHERS = "secret-key-others"
_GONE_OVER_S = 120.0
"""Stations go over to the new key when they connect; all of them do after the second step."""


async def secret_key(scene: Scene) -> float:
    """Every process learns the new key; it is used; the former one is dropped. Passwords stay as they are."""
    release, name = scene.stage.release, f"{scene.stage.release.name}-trial"
    former, new = await release.secret(name, "secret-key"), secrets.token_hex(32)
    learned = {"secrets": {"secretKeyOthers": {"name": name, "key": _OTHERS}}}
    await _patch(release, name, {_OTHERS: new})
    times = [await scene.recovered("learned", _upgraded(release, learned))]
    await _patch(release, name, {"secret-key": new, _OTHERS: former})
    times.append(await scene.recovered("used", _restarted(release)))
    scene.notes["gone_over_s"] = round(await _gone_over(scene), 1)
    times.append(await scene.recovered("dropped", _upgraded(release, {"secrets": {"secretKeyOthers": {"name": ""}}})))
    await release.kubectl(
        "patch", "secret", name, "--type=json", f'--patch=[{{"op": "remove", "path": "/data/{_OTHERS}"}}]'
    )
    return max(times)


async def _patch(release: Release, name: str, data: dict[str, str]) -> None:
    await release.kubectl("patch", "secret", name, "--type=merge", f"--patch={json.dumps({'stringData': data})}")


async def _upgraded(release: Release, changes: Mapping[str, object]) -> None:
    before = await _running(release)
    await release.upgrade(changes)
    await _replaced(release, before)


async def _restarted(release: Release) -> None:
    before = await _running(release)
    await release.kubectl("rollout", "restart", *[await release.workload(name) for name in WORKLOADS])
    await release.rolled_out()
    await _replaced(release, before)


async def _running(release: Release) -> dict[str, list[str]]:
    return {name: [pod.uid for pod in await release.pods(name)] for name in WORKLOADS}


async def _replaced(release: Release, before: dict[str, list[str]]) -> None:
    """Wait until no process of before runs any more: `rollout status` does not wait for old pods of a Deployment."""
    for name, uids in before.items():
        await release.replaced(name, uids)


async def _gone_over(scene: Scene) -> float:
    """Wait until nothing of these stations hangs on the former key. Raises DrillFailed."""
    began = time.monotonic()
    while left := await _left(scene):
        if time.monotonic() > began + _GONE_OVER_S:
            raise DrillFailed(f"passwords hang on the former key after {_GONE_OVER_S:g} s: {left[:3]}")
        await asyncio.sleep(1)
    return time.monotonic() - began


async def _left(scene: Scene) -> list[str]:
    """Ids of these stations that auth tells. Those of other scenarios are away, and stay on the former key."""
    try:
        told = await scene.stage.release.kubectl(
            "exec", await scene.stage.release.workload("auth"), "--", "sh", "-c", "csms-auth secret-key || [ $? = 1 ]"
        )
    except CommandFailed as error:
        raise DrillFailed(str(error)) from error
    return [line.strip() for line in told.splitlines() if line.strip().startswith(scene.load.prefix)]
