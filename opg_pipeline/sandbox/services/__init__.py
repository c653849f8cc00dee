"""The city's apps as their vendors built them: each tells the truth in its own wire format, with its own quirks.

The truth itself belongs in `truth`; faults and control paths belong beside this folder.
"""
