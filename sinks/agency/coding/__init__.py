"""MedDRA codes for what is told in words: the user's licensed dictionary, a mapping of its own, and what still waits.

Pure but for the reading of the two files.
"""
