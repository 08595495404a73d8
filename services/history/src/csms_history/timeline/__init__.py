"""What happened to each station, in one order."""
