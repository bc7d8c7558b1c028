"""People who ask to be forgotten, over HTTP."""
