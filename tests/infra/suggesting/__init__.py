"""Live suggestions: what is learnt at each answer, how Label Studio asks for it, and what it then shows."""
