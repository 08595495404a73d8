"""Sites: the places that stations belong to."""
