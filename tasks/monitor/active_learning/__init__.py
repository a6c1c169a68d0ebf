"""Rounds of labelling and training: what is asked first, and when it is enough."""
