"""The browser view: a page with the live picture, and a browser's camera as a source."""
