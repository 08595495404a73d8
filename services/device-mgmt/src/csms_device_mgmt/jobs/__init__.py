"""What a station does for a while and reports on: firmware updates, publications, log uploads (L01, L03, N01)."""
