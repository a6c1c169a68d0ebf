"""Station `monitor`: what labels cost, how model and people compare, and when it is enough."""
