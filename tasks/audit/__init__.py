"""Station `audit`: what blind, random judgements prove: certified thresholds, bounds on misses, the certificate."""
