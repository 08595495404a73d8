"""Certificates: the port of a certificate authority, the one that is built in, and the client of an external one."""
