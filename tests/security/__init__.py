"""Ways in that strangers and colleagues may try; each is tried for real."""
