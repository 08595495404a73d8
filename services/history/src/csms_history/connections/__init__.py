"""The connections of each station, past and present."""
