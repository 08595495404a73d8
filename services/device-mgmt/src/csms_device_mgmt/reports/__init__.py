"""What stations send in several messages, assembled (B07, B08, N02, N09, O03, K09)."""
