"""Individual case safety reports in ICH E2B(R3): a model, its validation, HL7 v3 in and out.

Pure but for ``xsd``: no I/O, no clock. Numbers and places are those of the ICH E2B(R3) Implementation Guide.
"""
