"""Journeys, pure: what one person's registrations come to, and what a batch of new ones changes.

Read in this order: `records` (a registration as a journey keeps it), `state` (a journey, and how
submissions change it), `conditions` and `evaluation` (the definitions as straight-line functions),
`core` (a step: submissions in, changes out).
"""
