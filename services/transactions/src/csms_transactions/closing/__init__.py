"""Transactions whose Ended event does not come: evidence, questions to stations, ending them."""
