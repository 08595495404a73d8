"""Commands for many stations: a job with progress, a rate, and what became of it at each station."""
