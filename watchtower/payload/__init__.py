"""Bodies become rows: one protocol a file, and nothing but a `PayloadError` where one does not fit."""
