"""Device management: station inventory, boot, status, device model, reports, and commands with their history."""
