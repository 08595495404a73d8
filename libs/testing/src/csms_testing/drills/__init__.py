"""Fault drills: real processes, Apache Kafka, PostgreSQL, simulated stations, and something that breaks.

`make drill` (`python -m csms_testing.drills`) runs them. After each drill the stations' ledgers and the database must
agree: what was acknowledged is stored exactly once, what was not was sent again and stored once, nobody is stuck.
"""
