"""Answers to what auth is asked: one file per kind of record, and for the CALLs of stations one per action."""
