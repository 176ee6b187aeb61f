"""How much faster hypo is than the usual way, as ratios measured side by side."""
