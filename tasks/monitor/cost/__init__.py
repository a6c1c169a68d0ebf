"""Human seconds, machine seconds and money, and what proposals save."""
