"""What stations tell of something wrong: kept, and listed for all stations."""
