"""The command line for operators: `csms stations`, `csms transactions`, ... It speaks the public HTTP API alone."""
