"""Firmware campaigns: a version for many stations, in waves, in a window of the day, ended when too many fail."""
