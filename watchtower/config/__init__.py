"""What can be configured, and how it is read: a file, flags or both, with every mistake told at once."""
