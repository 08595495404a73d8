"""How a drill says that the system failed it."""


class DrillFailed(Exception):  # noqa: N818  # what happened, as people will read it
    """The system did not do what it must."""
