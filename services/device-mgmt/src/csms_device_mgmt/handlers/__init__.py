"""What is done about each record on the bus: one handler a file, all idempotent, each in the caller's transaction."""
