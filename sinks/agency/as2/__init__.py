"""AS2 (RFC 4130): reports sent signed and encrypted over HTTP, with a signed receipt; answers taken in the same way.

A receipt (MDN) says that bytes arrived as they were sent. What the agency makes of the report is told by its own
acknowledgement, which comes as a message of its own.
"""
