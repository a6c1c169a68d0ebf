"""`POST /score`: the champion as a service, behind a token, for programs that know nothing of the line."""
