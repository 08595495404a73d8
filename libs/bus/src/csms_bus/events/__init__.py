"""The catalogue of domain events: what each means, its JSON form, and the documents that are made from it."""

from csms_bus.events.catalogue import CATALOGUE, EventType, by_name
from csms_bus.events.json_form import Event, as_json

__all__ = ["CATALOGUE", "Event", "EventType", "as_json", "by_name"]
