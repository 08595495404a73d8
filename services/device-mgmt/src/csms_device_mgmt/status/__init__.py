"""The statuses of connectors, EVSEs and stations, and their resets (G01, G03, B11)."""
