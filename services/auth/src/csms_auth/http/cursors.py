"""Cursors of lists that begin with the newest: a time and an id."""

from datetime import datetime

from csms_runtime.http.pages import PageRequest

Position = tuple[datetime, str]


def newest_first(page: PageRequest) -> Position | None:
    """Return the time and id of the last item of the page before; None: the first page. Raises Problem 422."""
    position = page.after_moment()
    return None if position is None else (position[0], position[1])
