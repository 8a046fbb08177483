"""Every metric, named once; counted by many processes, read as one page."""
