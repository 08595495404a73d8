"""What the message log is told: frames of stations, joined and masked, off their way."""
