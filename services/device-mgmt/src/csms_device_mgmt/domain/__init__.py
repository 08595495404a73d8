"""Pure rules of device management: no I/O, no clock, no database."""
