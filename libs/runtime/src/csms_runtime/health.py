"""Which parts of the process work: what `/readyz` tells."""

from dataclasses import dataclass

from csms_runtime import metrics


@dataclass(frozen=True, slots=True)
class ComponentState:
    """How one part of the process is."""

    ok: bool
    detail: str = ""
    """For operators; never a secret."""


class Health:
    """The states of a process's parts. Ready when there is at least one, all are ok and it is not draining.

    One instance per process, used from the event loop's thread only.
    """

    def __init__(self) -> None:
        self._components: dict[str, ComponentState] = {}
        self._draining = False

    def set(self, component: str, ok: bool, detail: str = "") -> None:  # noqa: FBT001 read as set("bus", True)
        """Record how a part is. A part that is not ok makes the process unready, not dead."""
        self._components[component] = ComponentState(ok=ok, detail=detail)
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
        """Whether the process can take work."""
        return bool(self._components) and not self._draining and all(state.ok for state in self._components.values())

    def components(self) -> dict[str, ComponentState]:
        """Return the state of each part, by name."""
        return dict(sorted(self._components.items()))
