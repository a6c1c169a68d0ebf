"""Station `audit`: what blind, random judgements prove: certified bands, bounds on misses, the certificate."""
