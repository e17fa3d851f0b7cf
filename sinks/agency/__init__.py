"""Reports to the medicines agency."""
