"""What a batch would come to if it were started: the rules of calling on a clock that skips."""
