"""The commands, one a file; each has `add(app, epilog)`."""
