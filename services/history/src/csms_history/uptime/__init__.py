"""How long a station and its EVSEs could be used in a period."""
