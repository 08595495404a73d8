"""A station's variables: read, set, and told by the station (B05, B06, B07)."""
