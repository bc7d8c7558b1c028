"""Laws that campaigns may name, over HTTP."""
