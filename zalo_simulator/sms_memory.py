"""What the SMS gateway remembers: which requests it has taken, and whom it told."""

import threading
from collections import deque

# The gateway remembers request numbers for a day; so many are enough for any test.
REMEMBERED = 200_000


class SmsMemory:
    """The requests of one gateway."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[str] = set()
        self._order: deque[str] = deque()
        # Reports told, with the status each was answered with: for tests and the curious.
        self.reports: deque[tuple[str, int]] = deque(maxlen=500)

    def take(self, request_id: str) -> bool:
        """Remember a request; False when it was taken before."""
        if not request_id:
            return True
        with self._lock:
            if request_id in self._taken:
                return False
            self._taken.add(request_id)
            self._order.append(request_id)
            if len(self._order) > REMEMBERED:
                self._taken.discard(self._order.popleft())
            return True
