"""Ten-line handlers, one file per noun."""
