"""What is stated about settled labels, and how surely."""
