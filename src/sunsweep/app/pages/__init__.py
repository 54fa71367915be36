"""One module, or one folder, for each page."""
