"""Pure pictures: a frame in, rows of inked text out. No Textual, no Nautilus."""
