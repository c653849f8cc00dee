"""Three days of the whole city at a tenth of its size, lived once (conftest.py) and judged by the tests of this folder."""
