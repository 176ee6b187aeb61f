"""What each source published and how its models were trained, a file a source."""
