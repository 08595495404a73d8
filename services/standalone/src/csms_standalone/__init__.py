"""All services in one process, on the in-process bus and SQLite: for a newcomer, a lab or a small site."""
