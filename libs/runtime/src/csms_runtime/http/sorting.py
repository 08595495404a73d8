"""Orders of lists: `?sort=name`, from the least on, or `?sort=-name`, from the greatest on."""

from enum import StrEnum

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Sort(StrEnum):
    """The orders of one list: a subclass names them. Each has an index, or few rows.

    Clients that are generated get the members' names (`x-enum-varnames`): of "name" and "-name" they would make one.
    """

    @property
    def descending(self) -> bool:
        """From the greatest on."""
        return self.startswith("-")

    @property
    def field(self) -> str:
        """What it is in the order of."""
        return self.removeprefix("-")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the members' names."""
        made = handler(schema)
        handler.resolve_ref_schema(made)["x-enum-varnames"] = [member.name for member in cls]
        return made
