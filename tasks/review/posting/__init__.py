"""What goes to Label Studio: projects, tasks with their proposals, and what is taken back."""
