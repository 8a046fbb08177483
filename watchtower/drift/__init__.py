"""What a column looks like, how far that is from the baseline, and whether it is time to say so."""
