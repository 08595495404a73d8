"""The stations that operators know: creating, changing, deleting and listing them."""
