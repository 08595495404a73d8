"""The message log: what each station sent and was sent, as gateways tell it."""
