"""What a person sees while a line works, and where it stands."""
