"""How simulated people work on texts."""
