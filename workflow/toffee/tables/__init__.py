"""Tables: tidy rows, measured and published, as CSV and as Markdown."""
