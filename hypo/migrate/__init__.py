"""Outputs of an earlier schema brought up to date, so that what was trained and measured counts on."""
