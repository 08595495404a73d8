"""One file for each kind of message that stations send, and one for the results of commands."""
