"""Tables of the service and the statements on them. SQLAlchemy Core only: this is the hot path of the product."""
