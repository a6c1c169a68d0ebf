"""`labelline classes`: what people wrote down as missing, and what the owner of the line decides about it."""
