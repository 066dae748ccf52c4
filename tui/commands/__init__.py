"""One command a file: `arguments(parser)` says what it takes, `run(args, say)` does it and returns the exit code."""
