"""How JSON columns are written and read."""

from typing import Any

import orjson


def _dumps(value: Any) -> str:  # noqa: ANN401 any JSON value
    return orjson.dumps(value).decode()


JSON_OPTIONS: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": orjson.loads}
"""For `create_async_engine`."""
