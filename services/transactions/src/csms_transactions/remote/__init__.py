"""Remote start and stop: what is asked of stations, and what became of it."""
