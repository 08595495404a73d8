"""What a gateway or this service could not take of a station."""
