"""Parts of pages: charts, tables, tiles. A part belongs to one session and knows no page."""
