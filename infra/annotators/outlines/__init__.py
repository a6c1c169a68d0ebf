"""How simulated people outline objects and paint them."""
