"""What can be typed, by what one comes for. Only light imports: `labelline --help` answers within a second."""
