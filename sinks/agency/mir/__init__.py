"""The manufacturer's incident report (MIR, form 7.3.1) to an agency: its data, whether it is complete, as a text.

The form's XML is not written here: its official schema is not ours to guess. Every element is known by its number on
the form, so that a person can enter it, or a writer of the official XML be added.
"""
