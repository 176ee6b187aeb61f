"""Which λ to run next, so that the curve of natural against hypocritical risk has no wide gap."""
