"""Where items come from: one protocol, one room or file for each kind of place."""
