"""Reports to the medicines agency and manufacturers: what is said, when it is due, and what came of it."""
