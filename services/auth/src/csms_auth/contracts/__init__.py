"""Contract certificates of vehicles (M01, M02): stations ask for them, a pool outside has them."""
