"""The schema's history; run by `csms-transactions migrate`, and by standalone at its start."""
