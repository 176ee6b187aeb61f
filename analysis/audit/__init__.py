"""An audit: one page on one model, a single file that opens without a network."""
