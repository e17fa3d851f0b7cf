"""What a company is shown of its own products, live: numbers, failures, survival, others beside it, what it pays.

From `entitled.entitle` (a contract in force) and `choice.parse_choice` (what is asked, checked) to
`reading.read_company` and its neighbours. Nothing here can be asked for without both, and nothing leaves it that is
not a sum over whole groups of people, as `sinks.portal.suppression` tells.
"""
