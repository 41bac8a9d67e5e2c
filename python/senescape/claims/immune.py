"""Claims of the source: to come."""
