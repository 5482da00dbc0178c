"""Jobs: what takes long, each a process of its own that reports how far it is and can be ended."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

__all__ = ["Job", "Jobs", "Wanted"]

#: Jobs that are over and remembered, bytes of a line of a process, and seconds in which one ends by itself.
KEPT, LINE, GRACE = 50, 64 * 2**20, 3.0

Name = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_-]*$")]
Text = Annotated[str, Field(max_length=4000)]
Date = Annotated[str, Field(max_length=10, pattern=r"^(\d{4}-\d{2}-\d{2})?$")]


class Wanted(BaseModel):
    """A job. The fields beside `kind` are those of `replay_market`, `train_models` and `sync_store`; others than its
    own are refused."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["replay", "train", "sync"]
    profile: Name = ""
    screens: Annotated[list[Name], Field(max_length=20)] = []
    where: Text = ""
    rank_by: Text = ""
    top: Annotated[int, Field(ge=1, le=500)] = 10
    start: Date = ""
    end: Date = ""
    hold: Annotated[int | None, Field(ge=1, le=252)] = None
    plan: bool = False
    cost: Annotated[float, Field(ge=0.0, le=1000.0)] = 10.0
    every: Annotated[int, Field(ge=1, le=252)] = 1
    learner: Name = ""
    vendor: Name = ""

    def own(self) -> dict[str, Any]:
        """The fields of its kind, as its function takes them."""
        fields = {
            "replay": (
                "profile",
                "screens",
                "where",
                "rank_by",
                "top",
                "start",
                "end",
                "hold",
                "plan",
                "cost",
                "every",
            ),
            "train": ("learner", "start", "end", "cost"),
            "sync": ("vendor",),
        }[self.kind]
        return {name: value for name in fields if (value := getattr(self, name)) not in ("", [], None)}


class Job:
    """A job that was begun. state : running, done, failed or ended."""

    def __init__(self, number: int, wanted: Wanted) -> None:
        self.number, self.wanted = number, wanted
        self.state: Literal["running", "done", "failed", "ended"] = "running"
        self.began: dt.datetime = dt.datetime.now(dt.UTC)
        self.over: dt.datetime | None = None
        self.progress: tuple[int, int, str] = (0, 0, "")
        self.result: Any = None
        self.error = ""
        self._process: asyncio.subprocess.Process | None = None
        self._changed = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None

    def told(self) -> dict[str, Any]:
        done, every, what = self.progress
        return {
            "job": self.number,
            "kind": self.wanted.kind,
            "asked": self.wanted.own(),
            "state": self.state,
            "began": self.began,
            "over": self.over,
            "progress": {"done": done, "all": every, "what": what},
            "error": self.error,
        }

    async def run(self, place: str) -> None:
        """Begin its process. place : of the store; empty for the simulated market."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "tapescan.interfaces.web.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None,  # a defect of ours is told where the server tells its own
            limit=LINE,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        asked = {"kind": self.wanted.kind, "store": place, "given": self.wanted.own()}
        self._process.stdin.write(msgspec.json.encode(asked) + b"\n")
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        said: dict[str, Any] = {}
        try:
            while line := await process.stdout.readline():
                said = msgspec.json.decode(line)
                if "progress" in said:
                    done, every, what = said["progress"]
                    await self._tell(progress=(int(done), int(every), str(what)))
        except (ValueError, msgspec.DecodeError):
            said = {"error": "its result is larger than any that can be told"}
            self._kill()
        code = await process.wait()
        if self.state == "running":
            if "result" in said:
                await self._tell(state="done", result=said["result"])
            else:
                await self._tell(state="failed", error=str(said.get("error") or f"its process ended with {code}"))

    async def end(self) -> None:
        """End it, whatever it does."""
        if self.state != "running" or self._process is None:
            return
        await self._tell(state="ended")
        assert self._process.stdin is not None
        self._process.stdin.close()  # it ends itself then, and what it started
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), GRACE)
        self._kill()
        if self._reader is not None:
            await self._reader

    async def events(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Its progress, and how it ended, as they come."""
        seen: Any = None
        while True:
            now = (self.progress, self.state)
            if now != seen:
                seen = now
                yield "progress" if self.state == "running" else "state", self.told()
            if self.state != "running":
                return
            async with self._changed:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 5.0)

    async def _tell(self, **fields: Any) -> None:
        async with self._changed:
            for name, value in fields.items():
                setattr(self, name, value)
            if self.state != "running":
                self.over = dt.datetime.now(dt.UTC)
            self._changed.notify_all()

    def _kill(self) -> None:
        """Its whole group of processes."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


class Jobs:
    """The jobs of a server. place : of its store. most : that run at once."""

    def __init__(self, place: str, most: int) -> None:
        self._place, self._most = place, most
        self._jobs: dict[int, Job] = {}
        self._numbers = itertools.count(1)

    async def begin(self, wanted: Wanted) -> Job:
        """Raises HTTPException where as many run as may, and for a store's job without a store."""
        if sum(job.state == "running" for job in self._jobs.values()) >= self._most:
            raise HTTPException(429, f"{self._most} jobs run already; end one, or wait", {"retry-after": "10"})
        if wanted.kind != "replay" and not self._place:
            raise HTTPException(422, f"a {wanted.kind} needs a store, and this is the simulated market")
        job = Job(next(self._numbers), wanted)
        self._jobs[job.number] = job
        await job.run(self._place)
        over = [number for number, one in self._jobs.items() if one.state != "running"]
        for number in over[: max(len(self._jobs) - KEPT, 0)]:
            del self._jobs[number]
        return job

    def all(self) -> list[Job]:
        """The newest first."""
        return [*reversed(self._jobs.values())]

    def find(self, number: int) -> Job | None:
        return self._jobs.get(number)

    async def close(self) -> None:
        """End all."""
        for job in self.all():
            await job.end()
