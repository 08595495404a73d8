"""The drills themselves, by what they break."""
