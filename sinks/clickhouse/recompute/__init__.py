"""The definitions read a second time: the same YAML as SQL over the archive's form tables.

The stream keeps its values step by step; this computes them anew from everything that lives, in
ClickHouse, and shares no line with it. Where both agree, neither is wrong in its own way.

Read in this order: `statement` and `fields` (how queries and values are written), `field_tests` (what is
asked of one field), `journeys` (what is asked of a registration within its journey), `cells`,
`exposures` and `lists` (the rows), `compare` and `verify` (held against what is stored).
"""
