"""Reports as pages, drawn by other programs on bounded samples."""
