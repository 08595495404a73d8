"""How JSON columns are written and read."""

from typing import Any

import orjson


def _dumps(value: Any) -> str:  # noqa: ANN401 any JSON value
    return orjson.dumps(value).decode()


def _loads(value: Any) -> Any:  # noqa: ANN401 any JSON value
    # SQLite turns the text of a lone number into the number.
    return value if isinstance(value, int | float) else orjson.loads(value)


JSON_OPTIONS: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": _loads}
"""For `create_async_engine`."""
