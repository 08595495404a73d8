"""The measurements, one module each. A case takes Settings and returns what is kept as JSON."""
