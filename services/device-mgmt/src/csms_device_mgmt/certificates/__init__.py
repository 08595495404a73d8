"""The certificates that stations have (M03, M04, M05)."""
