"""How a simulated person clicks on objects, and what comes back for it."""
