"""One file for each kind of message."""
