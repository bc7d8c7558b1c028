"""What every endpoint shares: bodies, tokens, ids, paging, problems, and the layers around the app."""
