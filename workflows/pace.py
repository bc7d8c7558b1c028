"""How fast and how far a batch's workflow goes between two looks at itself."""

from datetime import timedelta

PAGE = 200
"""Fresh contacts read at once."""
SWEEP_EVERY = timedelta(minutes=5)
"""Between two searches for contacts whose workflows died without a word."""
SIGNALS_PER_RUN = 3000
"""Far below the server's limit of 10,000."""
SWEEP_IDLE_EVERY = timedelta(hours=1)
"""The same while nobody is on the phone."""
SWEEP_ORPHANS_EVERY = timedelta(seconds=30)
"""The same after a batch was started anew: whoever sleeps may have no workflow any more."""
START_AGAIN_AFTER = timedelta(seconds=1)
"""Before a contact is started again whose former workflow is still ending."""
