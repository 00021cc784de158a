"""The streams of `worker serve`: what a browser sees of a job, also while its Redis is killed or hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import redis
from aiohttp import web

from tests.support.budgets import check_budget
from tests.support.gateway import GatewayClient, GatewayProcess, SeenEvent
from tests.support.processes import freeze, thaw
from tests.support.records import a_record, completed
from tests.support.scripted_http import scripted_http
from tests.support.stack import Stack
from worker.demo import servers
from worker.domain.progress import Record, Version

ANSWER = 1.0  # seconds that an answer may take while a dependency is out


def announce(stack: Stack, record: Record) -> None:
    """Write a record as a worker does: to Redis, with a notification."""
    text = record.to_json()
    assert stack.redis_port is not None
    with redis.Redis(port=stack.redis_port) as connection:
        name = f"audio:job:{record.job_id}"
        version = {"fence": record.version.fence, "seq": record.version.seq}
        fields: dict[Any, Any] = {**version, "status": record.status.value, "record": text, "run": record.run}
        connection.hset(name, mapping=fields)
        connection.publish(name, text)


async def next_of(events: AsyncIterator[SeenEvent], seconds: float = 10) -> SeenEvent:
    async with asyncio.timeout(seconds):
        return await anext(events)


async def rest_of(events: AsyncIterator[SeenEvent], seconds: float = 15) -> list[SeenEvent]:
    async with asyncio.timeout(seconds):
        return [event async for event in events]


async def test_a_stream_shows_each_newer_record_and_ends_after_the_final_one(
    client: GatewayClient, shared: Stack, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    running = a_record(7, 1, job_id=job_id, percent=10.0)
    await client.submit(shared, job_id)

    async with client.events(job_id) as events:
        first = await next_of(events)
        announce(shared, running)
        second = await next_of(events)
        announce(shared, replace(running, version=Version(7, 2), percent=20.0))
        third = await next_of(events)
        announce(shared, running)  # late: it is behind what was shown
        announce(shared, completed(running, 3))
        last = await rest_of(events)

    assert [event.fields["event"] for event in (first, second, third)] == ["progress"] * 3
    assert [event.id for event in (first, second, third)] == ["0-1", "7-1", "7-2"]
    assert (third.record["percent"], third.record["fresh"]) == (20.0, True)
    assert [(event.id, event.record["status"]) for event in last] == [("7-3", "completed")]


async def test_a_stream_resumes_after_the_last_event_and_a_seen_end_is_not_sent_again(
    client: GatewayClient, shared: Stack, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    await client.submit(shared, job_id)

    async with client.events(job_id, "0-1") as events:
        await client.ask("DELETE", f"/jobs/{job_id}")
        resumed = await rest_of(events)
    async with client.events(job_id, "no id of ours") as events:
        anew = await rest_of(events)
    over = await client.get(f"/jobs/{job_id}/events", headers={"last-event-id": "0-2"})

    assert [(event.id, event.record["status"]) for event in resumed] == [("0-2", "cancelled")]
    assert [event.id for event in anew] == ["0-2"]
    assert (over.status, over.text) == (204, "")


async def test_a_stream_of_several_jobs_does_not_resume(
    client: GatewayClient, shared: Stack, unique: Callable[[str], str]
) -> None:
    jobs = [unique("job"), unique("job")]
    for job_id in jobs:
        await client.submit(shared, job_id)
        await client.ask("DELETE", f"/jobs/{job_id}")

    query = "&".join(f"job_id={job_id}" for job_id in jobs)
    again = await client.get(f"/events?{query}", headers={"last-event-id": "0-2"})

    assert again.status == 200
    assert again.text.count("id: 0-2\n") == 2  # that id may be of either


async def test_one_watcher_feeds_all_streams_of_a_job(
    client: GatewayClient, gateway: GatewayProcess, shared: Stack, unique: Callable[[str], str]
) -> None:
    job_id = unique("job")
    await client.submit(shared, job_id)
    channel = f"audio:job:{job_id}"

    async def follow() -> list[str]:
        async with client.events(job_id) as events:
            return [event.record["status"] for event in await rest_of(events, 60)]

    followers = [asyncio.create_task(follow()) for _ in range(50)]
    await client.until_open_streams_are(50)
    with redis.Redis(port=shared.redis_port or 0) as connection:
        subscribers = dict(connection.pubsub_numsub(channel))[channel.encode()]
    await client.ask("DELETE", f"/jobs/{job_id}")
    seen = await asyncio.gather(*followers)

    assert subscribers <= 1
    assert seen == [["queued", "cancelled"]] * 50
    await client.until_open_streams_are(0)


async def test_every_answer_comes_within_a_second_and_streams_go_on_while_redis_hangs_and_after_it_is_killed(
    new_stack: Callable[[str], Stack], unique: Callable[[str], str], start_gateway: Callable[..., GatewayProcess]
) -> None:
    with servers.redis() as own_redis:
        stack = replace(new_stack(unique("outage")), redis_port=own_redis.port)
        gateway = start_gateway(stack)
        gateway.process.wait_for("redis.connected")
        async with gateway.client() as client:
            await client.submit(stack, "watched")
            async with client.events("watched") as events:
                first = await next_of(events)
                freeze(own_redis)
                try:
                    hung = await everything(client, stack, "hung")
                    gateway.process.wait_for("redis.unavailable")
                finally:
                    thaw(own_redis)
                own_redis.kill()
                killed = await everything(client, stack, "killed")
                health = (await client.get("/health")).json
                await client.ask("DELETE", "/jobs/watched")
                last = await rest_of(events)

    check_budget(max(hung + killed), ANSWER, "an answer")
    assert (health["status"], health["redis"]["state"], health["progress_store"]) == (
        "degraded",
        "unavailable",
        "dynamodb",
    )
    assert [first.record["status"], *(event.record["status"] for event in last)] == ["queued", "cancelled"]


async def test_while_dynamodb_is_slow_each_answer_is_a_problem_within_a_second(
    stack: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    async def never(_request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async with scripted_http(never) as url:
        gateway = await asyncio.to_thread(start_gateway, stack, AWS_ENDPOINT_URL_DYNAMODB=url)
        async with gateway.client() as client:
            submitted = await client.submit(stack, "slow")
            others = [
                await client.get("/jobs/slow"),
                await client.get("/jobs"),
                await client.get("/jobs/slow/events"),
                await client.ask("DELETE", "/jobs/slow"),
                await client.post("/jobs/slow/retry"),
            ]
            ready, live = await client.get("/readyz"), await client.get("/livez")

    assert [answer.problem["status"] for answer in (submitted, *others)] == [503] * 6
    assert submitted.problem["job_id"] == "slow"
    check_budget(max(answer.seconds for answer in (submitted, *others)), ANSWER, "an answer")
    assert (ready.status, live.status) == (503, 200)


async def test_while_the_topic_hangs_a_job_is_cancelled_and_run_again_within_a_second(
    stack: Stack, start_gateway: Callable[..., GatewayProcess], unique: Callable[[str], str]
) -> None:
    async def never(_request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    job_id = unique("job")
    topic_arn = "arn:aws:sns:eu-central-1:123456789012:ends"
    async with scripted_http(never) as url:
        gateway = await asyncio.to_thread(
            start_gateway, stack, AWS_ENDPOINT_URL_SNS=url, WORKER_EVENT_TOPIC_ARN=topic_arn
        )
        async with gateway.client() as client:
            await client.submit(stack, job_id)
            answers = [await client.ask("DELETE", f"/jobs/{job_id}"), await client.post(f"/jobs/{job_id}/retry")]

    assert [answer.status for answer in answers] == [202, 202]
    assert answers[1].json["status"] == "queued"
    check_budget(max(answer.seconds for answer in answers), ANSWER, "an answer")


async def everything(client: GatewayClient, stack: Stack, job_id: str) -> list[float]:
    """The seconds of each kind of request, all of which succeed."""
    answers = [
        await client.submit(stack, job_id),
        await client.get(f"/jobs/{job_id}"),
        await client.get("/jobs"),
        await client.ask("DELETE", f"/jobs/{job_id}"),
        await client.post(f"/jobs/{job_id}/retry"),
        await client.get("/health"),
        await client.get("/readyz"),
    ]
    assert [answer.status for answer in answers] == [202, 200, 200, 202, 202, 200, 200]
    return [answer.seconds for answer in answers]
