"""Networks that outline what a person points at, named by the person."""
