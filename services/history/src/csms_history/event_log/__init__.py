"""Every domain event in one order, for those who follow them: event streams and webhooks."""
