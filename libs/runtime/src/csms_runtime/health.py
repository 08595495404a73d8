"""Which parts of the process work: what `/readyz` tells."""

from dataclasses import dataclass

from csms_runtime import metrics


@dataclass(frozen=True, slots=True)
class ComponentState:
    """How one part of the process is."""

    ok: bool
    detail: str = ""
    """For operators; never a secret."""
    shared: bool = False
    """Whether all replicas have it in common, like a database: see `Health`."""


class Health:
    """The states of a process's parts. Ready when there is at least one, it is not draining, and its own parts are ok.

    What all replicas share makes none of them unready: it fails for all at once, and without any ready replica the
    whole service would be gone, though each could still answer what is wrong. The process is then degraded.
    One instance per process, used from the event loop's thread only.
    """

    def __init__(self) -> None:
        self._components: dict[str, ComponentState] = {}
        self._draining = False

    def set(self, component: str, ok: bool, detail: str = "", *, shared: bool = False) -> None:  # noqa: FBT001 read as set("bus", True)
        """Record how a part is. An own part that is not ok makes the process unready, a shared one degraded."""
        self._components[component] = ComponentState(ok=ok, detail=detail, shared=shared)
        metrics.COMPONENT_HEALTHY.labels(component).set(int(ok))

    def forget(self, component: str) -> None:
        """Remove a part that was stopped on purpose. Unknown ones are ignored."""
        if self._components.pop(component, None) is not None:
            metrics.COMPONENT_HEALTHY.remove(component)

    def drain(self) -> None:
        """Make the process unready for good: it is stopping and wants no new work."""
        self._draining = True

    @property
    def draining(self) -> bool:
        """Whether the process is stopping."""
        return self._draining

    @property
    def ready(self) -> bool:
        """Whether the process can take work, or tell why it cannot."""
        own = [state.ok for state in self._components.values() if not state.shared]
        return bool(own) and not self._draining and all(own)

    @property
    def status(self) -> str:
        """In one word or two: "ready", "degraded" (ready, but something shared is away), "not ready", "draining"."""
        if self._draining:
            return "draining"
        if not self.ready:
            return "not ready"
        return "ready" if all(state.ok for state in self._components.values()) else "degraded"

    def components(self) -> dict[str, ComponentState]:
        """Return the state of each part, by name."""
        return dict(sorted(self._components.items()))
