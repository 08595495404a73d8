"""A charging station that wants to hurt: for the drills, against a CSMS of our own on this machine, and nothing else.

`python -m csms_testing.hostile KIND --url ws://127.0.0.1:9000/ocpp` sends one kind of attack for some seconds. Frames
are made before the attack begins, so that the attacker costs little of the machine that it shares with its victim.
"""
