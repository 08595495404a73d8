"""What every process needs: settings, logs, metrics, health, lifecycle, HTTP, ids, clock, password digests."""
