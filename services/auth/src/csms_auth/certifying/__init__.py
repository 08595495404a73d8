"""Certificates of stations: records requests, has them signed, delivers, renews and revokes certificates."""
