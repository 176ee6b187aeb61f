"""The report: a folder of pages that opens without a network."""
