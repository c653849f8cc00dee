"""Open data as pages that residents read: plain files in Indonesian and English, from no other host, opened from a folder.

    words.py   what the pages say, in both languages, and how numbers and periods are written
    chart.py   a measure's line with its spread, gaps, breaks and coverage, as SVG
    pages.py   the pages, and writing them

Computes no number: all of them are rows of mart.measure.
"""

from opg_pipeline.publish.site.pages import write_site

__all__ = ["write_site"]
