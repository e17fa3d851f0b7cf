"""What a manufacturer reports beside single incidents, drafted for it of what the registry has counted.

Pure: nothing here is sent by the platform; the manufacturer judges and files.
"""
