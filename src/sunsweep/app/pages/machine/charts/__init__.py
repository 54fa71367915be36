"""What was measured and done over a span of time, drawn; the same span for all drawings of a page."""
