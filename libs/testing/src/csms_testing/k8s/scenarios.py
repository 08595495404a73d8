"""The scenarios, in the order in which they are played."""

import asyncio
import ssl
import time
from collections.abc import Awaitable
from pathlib import Path

from csms_testing.drills.failure import DrillFailed
from csms_testing.k8s.names import NODE_PORTS, WORKLOADS
from csms_testing.k8s.programs import Json
from csms_testing.k8s.scenario import SERVED_S, Play, Scenario, Scene
from csms_testing.k8s.secret_key import secret_key
from csms_testing.k8s.stage import give_certificates, issue
from csms_testing.k8s.stations import Outfitter

_SESSION_S = 15.0
"""Longer than a session of the load."""
_AUTOSCALED_S = 300.0
"""The autoscaler looks every 15 s at what the last minute took."""
_CERTIFICATES_S = 240.0
"""The kubelet looks at Secrets every minute or so, the gateway at its files every 10 s."""
_SEEN_TIMES = 20


async def sessions(scene: Scene) -> float:
    """Whole sessions of stations of all security profiles; a command reaches each of them."""
    await asyncio.sleep(_SESSION_S)
    began = time.monotonic()
    await scene.load.all_obey(60)
    scene.notes["all_obeyed_s"] = round(time.monotonic() - began, 2)
    return await scene.load.served_again(time.monotonic(), SERVED_S)


async def delete_pods(scene: Scene) -> float:
    """Delete a pod of each workload, one workload after the other."""
    return max([await scene.recovered(name, _deleted(scene, name)) for name in WORKLOADS])


async def _deleted(scene: Scene, component: str) -> None:
    release = scene.stage.release
    pod = (await release.pods(component))[0]
    await release.kubectl("delete", "pod", pod.name, "--wait=false")
    await release.replaced(component, [pod.uid])


async def evictions(scene: Scene) -> float:
    """Evict a pod of each workload; where a second one is evicted at once, the budget must keep it."""
    return max([await scene.recovered(name, _evicted(scene, name)) for name in WORKLOADS])


async def _evicted(scene: Scene, component: str) -> None:
    release = scene.stage.release
    first, *others = await release.pods(component)
    if not await release.namespace.evict(first.name):
        raise DrillFailed(f"the budget of {component} lets no pod go although all are ready")
    for other in others:
        if await release.namespace.evict(other.name):
            raise DrillFailed(f"the budget of {component} let two of its pods go at a time")
    await release.replaced(component, [first.uid])


async def scale_gateways(scene: Scene) -> float:
    """Gateways from 2 to 3 and back."""
    times = [await scene.recovered(f"{count}", _scaled(scene, "gateway", count)) for count in (3, 2)]
    return max(times)


async def scale_transactions(scene: Scene) -> float:
    """Transactions from 1 to 2 and back."""
    times = [await scene.recovered(f"{count}", _scaled(scene, "transactions", count)) for count in (2, 1)]
    return max(times)


async def autoscaling(scene: Scene) -> float:
    """The autoscaler adds a transactions pod for its CPU; without it there is one again."""
    settings = {"enabled": True, "mode": "cpu", "minReplicas": 1, "maxReplicas": 2, "targetCPU": 60}
    release = scene.stage.release
    on = release.upgrade({"transactions": {"autoscaling": settings}})
    worst = await scene.recovered("on", _autoscaled(scene, on, 2))
    off = release.take_back({"transactions": {"autoscaling": {"enabled": False}, "replicas": 1}})
    return max(worst, await scene.recovered("off", _autoscaled(scene, off, 1)))


async def _autoscaled(scene: Scene, change: Awaitable[None], replicas: int) -> None:
    release = scene.stage.release
    await change
    deadline = time.monotonic() + _AUTOSCALED_S
    while sum(pod.ready for pod in await release.pods("transactions")) != replicas:
        if time.monotonic() > deadline:
            raise DrillFailed(f"there are not {replicas} transactions pods after {_AUTOSCALED_S:g} s")
        await asyncio.sleep(1)


async def certificates(scene: Scene) -> float:
    """New server certificates in their Secrets: the gateways show them, and nobody is disconnected for it."""
    outfitter, losses = scene.stage.outfitter, scene.load.stats.losses
    await asyncio.to_thread(issue, outfitter.pki, outfitter.host)
    await give_certificates(scene.stage.release.namespace, outfitter.pki)
    seconds = await scene.recovered("shown", _shown(outfitter))
    if scene.load.stats.losses != losses:
        raise DrillFailed(f"{scene.load.stats.losses - losses} connections were lost")
    return seconds


async def _shown(outfitter: Outfitter) -> None:
    """Wait until whoever connects sees a new certificate, twenty times in turn: the pods learn of it one by one."""
    new = {await asyncio.to_thread(_leaf, files.certificate) for files in outfitter.pki.servers}
    address = (outfitter.host, NODE_PORTS["ocpp-tls"])
    deadline, in_turn = time.monotonic() + _CERTIFICATES_S, 0
    while in_turn < _SEEN_TIMES:
        seen = await asyncio.to_thread(ssl.get_server_certificate, address, timeout=10)
        in_turn = in_turn + 1 if seen in new else 0
        if time.monotonic() > deadline:
            raise DrillFailed(f"old certificates are shown after {_CERTIFICATES_S:g} s")
        await asyncio.sleep(0.2)


def _leaf(file: Path) -> str:
    end = "-----END CERTIFICATE-----\n"
    return file.read_text().partition(end)[0] + end


async def _scaled(scene: Scene, key: str, replicas: int) -> None:
    await scene.stage.release.upgrade({key: {"replicas": replicas}})


def upgrade_and_rollback(image: str, chart: Path) -> Play:
    """`helm upgrade` to a new revision, which replaces every pod, `helm rollback`, and the upgrade once more."""

    async def play(scene: Scene) -> float:
        """See above."""
        release = scene.stage.release
        before = await release.revision()
        repository, _, tag = image.rpartition(":")
        changes = {"image": {"repository": repository, "tag": tag}, "podAnnotations": {"revision": f"after-{before}"}}
        scene.notes["from"], scene.notes["to"] = _image(release.values), image
        release.chart = chart
        times = [await scene.recovered("upgrade", release.upgrade(changes))]
        times.append(await scene.recovered("rollback", release.rollback()))
        times.append(await scene.recovered("upgrade again", release.upgrade({})))
        return max(times)

    return play


def _image(values: Json) -> str:
    return f"{values['image']['repository']}:{values['image']['tag']}"


def store_killed(component: str) -> Play:
    """Kill the pod of Kafka or PostgreSQL without notice; it comes back on its volume."""

    async def play(scene: Scene) -> float:
        """See above."""
        return await scene.recovered(component, _killed(scene, component))

    return play


async def _killed(scene: Scene, component: str) -> None:
    release = scene.stage.release
    (pod,) = await release.pods(component)
    await release.kubectl("delete", "pod", pod.name, "--grace-period=0", "--force")
    await release.replaced(component, [pod.uid])


def catalogue(image: str, chart: Path) -> tuple[Scenario, ...]:
    """All scenarios. The upgrade comes first, to this image and chart: the others are played on what is new."""
    upgrade = upgrade_and_rollback(image, chart)
    return (
        Scenario("upgrade", "helm upgrade of everything, helm rollback, helm upgrade", upgrade),
        Scenario("sessions", "whole sessions with TLS and without, a command to each station", sessions),
        Scenario("delete-pods", "kubectl delete pod, of each workload", delete_pods),
        Scenario("scale-gateways", "gateways 2, 3, 2", scale_gateways),
        Scenario("scale-transactions", "transactions 1, 2, 1", scale_transactions),
        Scenario("autoscaling", "the autoscaler adds a transactions pod for its CPU", autoscaling),
        Scenario("certificates", "new server certificates in their Secrets", certificates),
        Scenario("secret-key", "CSMS_SECRET_KEY replaced in three rollouts", secret_key),
        Scenario("evictions", "eviction of a pod of each workload under its budget", evictions),
        Scenario("kafka", "Kafka's pod killed", store_killed("kafka")),
        Scenario("postgresql", "PostgreSQL's pod killed", store_killed("postgresql")),
    )
