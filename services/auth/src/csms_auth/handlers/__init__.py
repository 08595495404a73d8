"""Answers questions to auth: one file for each kind of record, and one for each kind of CALL of a station."""
