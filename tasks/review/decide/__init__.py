"""When enough is answered, who may go on answering, and how much each one weighs."""
