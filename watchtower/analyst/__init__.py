"""The analysis plane: reads the journal, compares and watches, and keeps what it found."""
