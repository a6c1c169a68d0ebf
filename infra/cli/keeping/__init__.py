"""What keeps data safe, in a terminal."""
