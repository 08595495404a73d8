"""A small charging site that lives for a few minutes, to watch the CSMS at work: `make demo`."""
