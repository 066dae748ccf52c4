"""tui shows: the Textual app and the command line; the composition root."""
