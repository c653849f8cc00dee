"""Finds out what an app's answers are, and writes the draft of its manifest. Pure: it is handed answers and asks nobody.

Sends no request (extract/scout.py does), reads no setting, and knows no product by name.
"""
