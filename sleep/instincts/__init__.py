"""The instincts: an adapter trained on talk that this package makes up, worn below every night's adapter."""
