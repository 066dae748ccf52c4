"""The widgets: one a file, no logic."""
