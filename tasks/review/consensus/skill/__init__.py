"""How good people are: the estimate of their rates, and what else they may be like that answers cannot tell apart."""
