"""Verdicts on a running worker or gateway, from what its HTTP port answers.

A worker without its Redis is degraded and does its jobs, so only `failed` means that it would not do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from worker.application.operations.diagnosis import CACHE_BY_DEFAULT, State, Verdict, judge_cache
from worker.application.operations.health import LIVE_SECONDS

ANSWER_SECONDS = 2.0  # within which any probe must be answered
_LOOK = "look at its log"
_NO = 503


def judge_live(status: int) -> Verdict:
    if status == 200:
        return Verdict(State.OK, "is alive")
    return _not_yes(status, f"{_LOOK}: its event loop or its poll loop is stuck")


def judge_ready(status: int) -> Verdict:
    if status == 200:
        return Verdict(State.OK, "is ready")
    advice = "wait for its first poll; run worker doctor in its environment; it is not ready while it drains, either"
    return _not_yes(status, advice)


def _not_yes(status: int, advice: str) -> Verdict:
    """The verdict on a probe that did not answer yes. It says no with 503; any other answer is of another server."""
    return Verdict(State.FAILED, f"answered {status}", advice if status == _NO else "check the URL")


def judge_health(status: int, body: bytes) -> Verdict:
    """The status word and the version."""
    document = _document(status, body)
    if document is None:
        return Verdict(State.FAILED, f"answered {status}, and no document of health", "check the URL")
    word, version = document.get("status"), document.get("version")
    detail = f"{word}, version {version}"
    match word:
        case "ok":
            return Verdict(State.OK, detail)
        case "degraded":
            return Verdict(State.DEGRADED, detail, "see the other lines")
        case "draining":
            return Verdict(State.FAILED, detail, "ask the worker that has taken its place")
    return Verdict(State.FAILED, f"its status is {word!r}", "check the URL")


def judge_progress(status: int, body: bytes) -> Verdict:
    """The progress cache, and whether progress goes where its state says."""
    document = _document(status, body) or {}
    cache = _part(document, "redis")  # the contract's key, for any cache
    state, reason = cache.get("state"), cache.get("reason")
    name = document.get("progress_cache") or CACHE_BY_DEFAULT
    store = document.get("progress_store")
    detail = f"{name} {state}, progress goes to {store}"
    match state, store:
        case ("disabled", "dynamodb"):
            return Verdict(State.OK, detail)
        case ("connected", "dynamodb"):  # a cache that lacks records after an outage is not connected yet
            return Verdict(State.OK, f"{detail} first (WORKER_PROGRESS_MODE=durable)")
        case ("connected", _) if store == name:
            return Verdict(State.OK, detail)
        case ("unavailable", "dynamodb"):
            return judge_cache(str(name), str(reason), f"{detail} ({reason})")
    return Verdict(State.FAILED, detail, "check the URL and the version: no worker says so")


def judge_queue_side(status: int, body: bytes) -> Verdict:
    """Whether messages are received. A gateway receives none: it sends them."""
    document = _document(status, body)
    queue = _part(document, "queue")
    if document is not None and ("queue" not in document or "send_failures" in queue):
        return _judge_sending(queue.get("send_failures", 0))
    age, failures = queue.get("poll_age_seconds"), queue.get("poll_failures")
    if queue.get("paused") is not False:
        problem = f"{queue.get('pause_reason')}: {queue.get('pause_problem')}"
        return Verdict(State.FAILED, f"receives nothing ({problem})", "run worker doctor in its environment")
    if not isinstance(age, int | float) or age >= LIVE_SECONDS:
        return Verdict(State.FAILED, f"its last poll began {age} s ago", _LOOK)
    if failures != 0:
        return Verdict(State.DEGRADED, f"{failures} polls in a row have failed", "check the queue, or wait for it")
    return Verdict(State.OK, f"its last poll began {age} s ago")


def _judge_sending(failures: object) -> Verdict:
    detail = "receives nothing, as a gateway"
    if failures == 0:
        return Verdict(State.OK, detail)
    problem = f"{detail}; {failures} sends in a row have failed"
    return Verdict(State.DEGRADED, problem, "check the queue, and whether it may be sent to")


def _document(status: int, body: bytes) -> Mapping[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if status == 200 and isinstance(document, dict) else None


def _part(document: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    part = None if document is None else document.get(name)
    return part if isinstance(part, dict) else {}
