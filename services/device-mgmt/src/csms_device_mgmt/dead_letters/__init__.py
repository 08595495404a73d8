"""Records that a consumer of any service gave up."""
