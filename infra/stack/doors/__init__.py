"""What stands before every server of the stack: under which names it may be asked, and from which pages."""
