"""One job, from its settings to its result."""
