"""The servers of the stack: how each is started, on which port, and whether it is well."""
