"""The status of certificates by OCSP (RFC 6960): the question, where it may be sent, and the asking."""
