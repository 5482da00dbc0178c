"""Shared through Redis, by processes on any machines.

What is kept there is small: of each vendor the slots of its limit (a sorted set of the moments at which they are free
again), the newest document of each topic and a stream that says that there is one, and locks that end by themselves
when their holder dies. A Redis that does not answer is replaced by files within a second, said once, and asked again
every half a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from tapescan.core.errors import OptionError
from tapescan.core.logging import logger
from tapescan.network.limits import EARLY, OwnSlots, Slots
from tapescan.shared.local import Local
from tapescan.shared.seam import Budget, Publication, check_name

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["ThroughRedis"]

Found = TypeVar("Found")

#: Seconds that Redis has for an answer, and until it is asked again after it had none.
PATIENCE, AGAIN = 0.5, 30.0

#: Seconds that a lock outlives its holder, and that a slot belongs to a request whose process died.
OUTLIVES = 15.0
UNANSWERED = 180.0

#: Who waits for a slot looks so many times a window, and in so many seconds.
LOOKS, LONGEST_LOOK = 100, 0.25

#: What our keys begin with.
OURS = "tapescan"

#: One slot, if one is free: KEYS the slots; ARGV requests, seconds it is held, a name for it. Redis's clock counts.
#: Gives 0, or the microseconds until one may be free.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('ZADD', KEYS[1], now + ARGV[2] * 1000000, ARGV[3])
  redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] * 1000))
  return 0
end
return redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] - now
"""

#: A slot is free again so many seconds from now: KEYS the slots; ARGV seconds, its name.
_GIVE_BACK = """
local t = redis.call('TIME')
redis.call('ZADD', KEYS[1], 'XX', t[1] * 1000000 + t[2] + ARGV[1] * 1000000, ARGV[2])
return 0
"""

#: KEYS the number, the document, the stream; ARGV the moment, the document. Gives the number.
_PUBLISH = """
local number = redis.call('INCR', KEYS[1])
redis.call('HSET', KEYS[2], 'number', number, 'at', ARGV[1], 'document', ARGV[2])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 100, '*', 'number', number)
return number
"""


class ThroughRedis:
    """Redis at an address (``redis://``, ``rediss://`` for TLS, ``unix://``), and files while it does not answer.

    say : told, a line, when it stops answering and when it is back.
    Raises OptionError for an address that is none, and without the library.
    """

    def __init__(
        self, address: str, *, say: Callable[[str], None] = logger.warning, instead: Local | None = None
    ) -> None:
        redis = _library()
        try:
            self._redis: Redis = redis.Redis.from_url(
                address, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=None, protocol=2
            )
        except ValueError as error:
            raise OptionError(
                f"the setting redis is no address: {error}", "give redis://HOST:6379/0, rediss:// or unix://PATH"
            ) from error
        self._failed: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        self._lost: type[Exception] = redis.exceptions.LockError
        self._say = say
        self._instead = instead or Local()
        self._asked_again = 0.0
        self._away, self._lost_at = False, 0.0
        #: By vendor, when the answers to requests began that were made without Redis; the newest last.
        self._spent: dict[str, deque[float]] = {}
        self._guard = threading.Lock()

    def budget(self, vendor: str, address: str, requests: int, seconds: float) -> Budget:
        """As `seam.Shared.budget`; all have their turn at once, and take slots from each other."""
        place = hashlib.sha256(address.encode()).hexdigest()[:8]
        return _Shared(self, f"{OURS}:pace:{vendor}-{place}", requests, seconds)

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        """As `seam.Shared.lock`; free again at most 15 s after its holder died. While Redis does not answer it is
        this machine's alone."""
        held = self._redis.lock(f"{OURS}:lock:{check_name(name)}", timeout=OUTLIVES, thread_local=False)
        own = self.ask(lambda: bool(held.acquire(blocking=False)))
        if own is None:
            with self._instead.lock(name) as alone:
                yield alone
            return
        if not own:
            yield False
            return
        ended = threading.Event()

        def live_on() -> None:
            while not ended.wait(OUTLIVES / 3.0):
                self.ask(held.reacquire)

        keeper = threading.Thread(target=live_on, daemon=True)
        keeper.start()
        try:
            yield True
        finally:
            ended.set()
            keeper.join()
            self.ask(held.release)

    def publish(self, topic: str, document: bytes) -> Publication:
        """As `seam.Shared.publish`; while Redis does not answer, to this machine alone."""
        at = dt.datetime.now(dt.UTC)
        keys = self._keys(topic)
        number = self.ask(lambda: self._redis.eval(_PUBLISH, 3, *keys, at.isoformat(), document))
        if number is None:
            return self._instead.publish(topic, document)
        return Publication(topic, int(number), at, document)

    def newest(self, topic: str, after: int = 0, wait: float = 0.0) -> Publication | None:
        """As `seam.Shared.newest`."""
        until = time.monotonic() + wait
        keys = self._keys(topic)
        while True:
            found = self.ask(lambda: self._redis.hgetall(keys[1]))
            if found is None:
                return self._instead.newest(topic, after, max(until - time.monotonic(), 0.0))
            if found and int(found[b"number"]) != after:
                at = dt.datetime.fromisoformat(found[b"at"].decode())
                return Publication(topic, int(found[b"number"]), at, found[b"document"])
            left = until - time.monotonic()
            if left <= 0.0:
                return None
            self._await_news(keys[2], left)

    def _await_news(self, stream: str, left: float) -> None:
        """Blocks in Redis, for less than the patience with its answers."""
        milliseconds = max(int(min(left, PATIENCE / 2.0) * 1000), 1)
        self.ask(lambda: self._redis.xread({stream: "$"}, block=milliseconds))

    def _keys(self, topic: str) -> tuple[str, str, str]:
        stem = f"{OURS}:topic:{check_name(topic)}"
        return f"{stem}:number", stem, f"{stem}:news"

    def ask(self, question: Callable[[], Any]) -> Any:
        """The answer; None where there is none, which is said once."""
        if self._away and time.monotonic() < self._asked_again:
            return None
        try:
            found = question()
        except self._lost:
            return False  # of a lock: it ended meanwhile, and may be somebody else's
        except self._failed as error:
            with self._guard:
                new, self._away = not self._away, True
                if new:
                    self._lost_at = time.monotonic()
                self._asked_again = time.monotonic() + AGAIN
            if new:
                self._say(f"Redis does not answer ({_plain(error)}): files of this machine serve in its place")
            return None
        with self._guard:
            back, self._away = self._away, False
        if back:
            self._say("Redis answers again")
        return found

    def spent(self, key: str, seconds: float, requests: int) -> tuple[float, ...]:
        """Seconds since each request in a limit's window, without Redis: those that this process made, and as many as
        the limit has when Redis was lost, since others may have made them."""
        now = time.monotonic()
        with self._guard:
            own = tuple(now - one for one in self._spent.get(key, ()) if now - one < seconds)
            return (*own, *(now - self._lost_at,) * requests)

    def note(self, key: str, requests: int) -> None:
        """The answer to a request began that was made without Redis."""
        with self._guard:
            self._spent.setdefault(key, deque(maxlen=requests)).append(time.monotonic())

    def script(self, text: str, key: str, *given: float | str) -> Any:
        """What a script says; None where Redis does not answer."""
        return self.ask(lambda: self._redis.eval(text, 1, key, *given))


class _Shared:
    """A budget in Redis."""

    def __init__(self, shared: ThroughRedis, key: str, requests: int, seconds: float) -> None:
        self._shared, self._key = shared, key
        self._requests, self._seconds = requests, seconds

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """All at once."""
        yield

    def slots(self) -> Slots:
        return _Slots(self._shared, self._key, self._requests, self._seconds)

    def remember(self) -> None:
        """Redis does."""


class _Slots:
    """Slots in Redis, and this process's own from the moment on at which it does not answer."""

    def __init__(self, shared: ThroughRedis, key: str, requests: int, seconds: float) -> None:
        self._shared, self._key = shared, key
        self._requests, self._seconds = requests, seconds
        self._name = uuid.uuid4().hex
        self._count = 0
        self._taken: list[str] = []
        self._own: OwnSlots | None = None
        self._open = False

    async def take(self) -> None:
        while self._requests and self._own is None:
            self._count += 1
            name = f"{self._name}:{self._count}"
            left = await asyncio.to_thread(
                self._shared.script, _TAKE, self._key, self._requests, self._seconds + UNANSWERED, name
            )
            if left is None:
                # What was spent before nobody knows any more: as if all had been, when Redis was lost.
                spent = self._shared.spent(self._key, self._seconds, self._requests)
                self._own = OwnSlots(self._requests, self._seconds, spent)
            elif int(left) <= 0:
                self._taken.append(name)
                self._open = True
                return
            else:
                self._open = False
                # Those under way are free sooner than the slots say, once they are answered.
                await asyncio.sleep(min(int(left) / 1e6 + EARLY, self._seconds / LOOKS, LONGEST_LOOK))
        if self._own is not None:
            await self._own.take()

    def give_back(self) -> None:
        if not self._taken:
            if self._own is not None:
                self._own.give_back()
                self._shared.note(self._key, self._requests)
            return
        # Any of those under way: they differ in nothing.
        self._shared.script(_GIVE_BACK, self._key, self._seconds + EARLY, self._taken.pop(0))

    def is_open(self) -> bool:
        return self._own.is_open() if self._own is not None else self._open or not self._requests


def _library() -> Any:
    try:
        import redis
    except ImportError as error:
        raise OptionError("the setting redis needs the library redis", "pip install 'tapescan[redis]'") from error
    return redis


def _plain(error: Exception) -> str:
    """Without an address, which may hold a password."""
    return type(error).__name__
