"""How it runs: the command line, settings, the embedded parts, and the wiring of everything else."""
