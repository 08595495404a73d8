"""What a transaction is, derived from its events. Pure: no I/O, no bus, no protocol's JSON."""
