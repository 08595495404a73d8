"""What the API shows of installed certificates."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel


class InstalledCertificateModel(BaseModel):
    """A certificate on a station, in its own words; OCPP's objects inside."""

    id: str
    certificate_type: str
    certificate_hash_data: dict[str, Any]
    child_certificate_hash_data: list[dict[str, Any]]
    reported_at: datetime
