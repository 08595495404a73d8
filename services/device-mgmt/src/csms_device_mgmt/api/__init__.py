"""What the HTTP resources of all packages have in common."""
