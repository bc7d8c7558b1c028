"""How fast and how far a batch's workflow goes between two reads of the rows."""

from datetime import timedelta

GRANTED_AT_ONCE = 100
"""Slots asked for in one request, and child workflows started at once."""
ASKED_AT_ONCE = 100
"""Contacts that woke and asked for a slot, in one request."""
ASKED_AT_MOST = 2000
"""Contacts remembered that asked; they ask again, and are found among the rows when they are due."""
EVENTS_PER_RUN = 1000
"""So few are replayed within a workflow task's timeout, on a slow machine too: after a worker was killed."""
EVENTS_WITHOUT_LULL = 2000
"""A run of so many ends with whatever task it is in: its batch is never quiet."""
LULL = timedelta(milliseconds=100)
"""After so long without news a run may end."""
TASKS_BETWEEN_LOOKS = 4
"""So many tasks a run that is to end waits for its moment, before the rows are read again."""
LOOK_EVERY = timedelta(seconds=10)
"""While somebody is live, and after anything that was signalled."""
LOOK_IDLE_EVERY = timedelta(minutes=30)
"""While nothing happens for long; the pause doubles up to it."""
LONGEST_DOUBLING = 8
LOOKS_APART = timedelta(milliseconds=100)
"""What happens so soon after a look is answered together, by the next one."""
COUNT_EVERY = timedelta(seconds=2)
COUNT_FROM = timedelta(milliseconds=1500)
"""A look that is made anyway counts so early, which saves one for the count alone."""
REST_AFTER_WITHHELD = timedelta(seconds=1)
"""A gate was found closed that the grant did not see: it is not asked again at once."""
REST_BEFORE_END = timedelta(seconds=1)
"""Between two tries to end a batch whose end one worker's clock sees and another's does not."""
BATCHES_WOKEN_AT_ONCE = 20
"""Batches of the campaign that are signalled free slots; others read by themselves."""
TIMED_AT_ONCE = 1000
"""Waiting contacts timed by changed rules between two reads of the rows, locked in one transaction."""
SETTLED_AFTER = timedelta(seconds=60)
"""By then every decision by the old rules is stored."""
CHECK_EVERY = timedelta(seconds=10)
"""Between two searches for slots without an open call whose workflows are lost."""
CHECK_ALL_EVERY = timedelta(minutes=1)
"""The same for all slots."""
CHECKED_AT_ONCE = 50
START_AGAIN_AFTER = timedelta(seconds=1)
"""Before a contact is started again whose former workflow may still be ending."""
