"""Making a new machine come alive: what it is, what to type on it, and watching it arrive."""
