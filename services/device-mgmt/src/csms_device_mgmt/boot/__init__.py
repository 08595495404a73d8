"""A station's boot: its registration, and what happens before it is accepted for the first time (B01, B02)."""
