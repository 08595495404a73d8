"""What ends a command with a line that says why."""


class CommandError(Exception):
    """A command cannot do what it is asked; the text is for people, and holds no key."""
