"""Hidden questions whose answers are known (honeypots): chosen, asked, marked, and what follows."""
