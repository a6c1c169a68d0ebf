"""How answers of one form are compared: what several people's come to, how they agree, and whether they pass gold."""
