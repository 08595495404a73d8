"""From the events that a batch brings to changed transactions: which are new, what follows, writing it all."""
