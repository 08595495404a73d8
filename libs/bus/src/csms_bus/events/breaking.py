"""Says what a change of the events' JSON form breaks for those who read them: only additions are allowed."""

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]


def breaks(published: Document, present: Document) -> list[str]:
    """Return what readers of the published document would meet that it does not allow; empty: nothing.

    Both are documents of `csms_bus.events.asyncapi`.
    """
    return [*_gone_messages(published, present), *_changed_schemas(published, present)]


def _gone_messages(published: Document, present: Document) -> Iterator[str]:
    for name, channel in published["channels"].items():
        still = present["channels"].get(name, {"messages": {}})["messages"]
        yield from (f"{name}: {message} is gone" for message in channel["messages"] if message not in still)


def _changed_schemas(published: Document, present: Document) -> Iterator[str]:
    still = present["components"]["schemas"]
    for name, schema in published["components"]["schemas"].items():
        if name in still:
            yield from _changed(name, schema, still[name])
        else:
            yield f"{name} is gone"


def _changed(place: str, before: Document, after: Document) -> Iterator[str]:
    if before.get("$ref") != after.get("$ref"):
        yield f"{place}: was {before.get('$ref')}, is {after.get('$ref')}"
    more = _types(after) - _types(before)
    if more:
        yield f"{place}: may now be {', '.join(sorted(more))}"
    if before.get("format") != after.get("format") or before.get("const") != after.get("const"):
        yield f"{place}: its format or value has changed"
    yield from _changed_properties(place, before, after)
    if "items" in before and "items" in after:
        yield from _changed(f"{place}[]", before["items"], after["items"])


def _changed_properties(place: str, before: Document, after: Document) -> Iterator[str]:
    still = after.get("properties", {})
    for name, schema in before.get("properties", {}).items():
        if name not in still:
            yield f"{place}.{name} is gone"
        else:
            yield from _changed(f"{place}.{name}", schema, still[name])
    for name in before.get("required", ()):
        if name in still and name not in after.get("required", ()):
            yield f"{place}.{name} may now be absent"


def _types(schema: Document) -> frozenset[str]:
    found = schema.get("type", ())
    return frozenset([found] if isinstance(found, str) else found)
