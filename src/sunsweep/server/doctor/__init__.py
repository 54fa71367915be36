"""`sunsweep doctor`: whether everything that has to work does, in plain words. One file a subject."""
