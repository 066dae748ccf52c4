"""agent speaks: everything that happens while you talk."""
