"""What the API takes and shows of configuration templates."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from csms_runtime.http.fields import one_of
from csms_runtime.texts import NO_NUL
from pydantic import BaseModel, ConfigDict, Field

from csms_device_mgmt import versions
from csms_device_mgmt.bulk.selection import Selection
from csms_device_mgmt.configuration.wanted import Fit, Place, Wanted, fit_of
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.tables import ConfigurationTemplate

MOST_VARIABLES = 200
_FITS = (Fit.MATCHES, Fit.DIFFERS, Fit.UNKNOWN)


class TemplateBody(BaseModel):
    """What stations are to be configured to."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    description: str = Field("", max_length=500, pattern=NO_NUL)
    select: Selection
    variables: list[dict[str, Any]] = Field(
        default_factory=list, max_length=MOST_VARIABLES, repr=False, description="OCPP's SetVariableDataType objects"
    )
    keys: dict[
        Annotated[str, Field(min_length=1, max_length=50, pattern=NO_NUL)],
        Annotated[str, Field(max_length=500, pattern=NO_NUL)],
    ] = Field(
        default_factory=dict,
        max_length=MOST_VARIABLES,
        repr=False,
        description="Configuration keys with their values, for stations of OCPP 1.6",
    )
    on_connect: bool = Field(default=False, description="Whether it is applied when a station has connected")

    @property
    def wanted(self) -> Wanted:
        """The values."""
        return Wanted(self.variables, self.keys)


class TemplateModel(BaseModel):
    """A configuration template; secrets are redacted."""

    id: str
    description: str
    select: Selection
    variables: list[dict[str, Any]]
    keys: dict[str, str]
    on_connect: bool
    created_at: datetime
    updated_at: datetime


class PlaceModel(BaseModel):
    """A wanted value beside the one that the station told last."""

    component: dict[str, Any]
    variable: dict[str, Any]
    attributeType: str | None = None  # noqa: N815 OCPP's name
    wanted: str
    actual: str | None
    state: Annotated[str, one_of(*Fit)] = Field(description="secret: nobody can compare; unknown: not told yet")


class DriftModel(BaseModel):
    """How far a station is from a template, by its stored device model."""

    id: str
    station_id: str
    template_id: str
    state: Annotated[str, one_of(*_FITS)] = Field(description="Secrets do not count")
    drift: list[PlaceModel] = Field(description="What does not match")


def template(row: ConfigurationTemplate, wanted: Wanted) -> TemplateModel:
    """Show a template."""
    shown = redacted(versions.ASSUMED.protocol, "SetVariables", {"setVariableData": list(wanted.variables)})
    changes = ((name, _redacted_key(name, value)) for name, value in wanted.keys.items())
    return TemplateModel(
        id=row.template_id,
        description=row.description,
        select=Selection.model_validate(Selection.model_validate(row.selection).shown()),
        variables=shown["setVariableData"],
        keys=dict(changes),
        on_connect=row.on_connect,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _redacted_key(name: str, value: str) -> str:
    return str(redacted(versions.ASSUMED.protocol, "ChangeConfiguration", {"key": name, "value": value})["value"])


def drift(item_id: str, station_id: str, template_id: str, places: Sequence[Place]) -> DriftModel:
    """Show how far a station is from a template."""
    return DriftModel(
        id=item_id,
        station_id=station_id,
        template_id=template_id,
        state=fit_of(places),
        drift=[PlaceModel(**place.shown()) for place in places if place.fit is not Fit.MATCHES],
    )
