"""Which questions a batch needs, before they are written."""
