"""Cursors of lists that begin with the newest: a time and an id."""

from datetime import UTC, datetime

from csms_runtime.http.pages import PageRequest, bad_cursor

Position = tuple[datetime, str]


def newest_first(page: PageRequest) -> Position | None:
    """Return the time and id of the last item of the page before; None: the first page. Raises Problem 422."""
    position = page.after(str, str)
    if position is None:
        return None
    text, key = position
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise bad_cursor() from error
    return moment, key
