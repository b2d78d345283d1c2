"""The trustees' monthly figures: what a row must be to become a record."""

DOMAIN = "trustee_performance"
