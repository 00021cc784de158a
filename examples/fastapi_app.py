"""Convert recordings and show their progress: uvicorn --factory fastapi_app:make_app, with the worker's variables."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse

from worker.client import InvalidMessageError, JobExistsError, Jobs, WorkerError

TARGETS = os.environ.get("TARGETS", "s3://podcasts-out/")
STATUSES = {InvalidMessageError: 422, JobExistsError: 409}  # any other error is 503: the request may be sent again


def make_app() -> FastAPI:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with jobs:
            yield

    app, jobs = FastAPI(lifespan=lifespan), Jobs.from_env()

    @app.post("/episodes/{episode}", status_code=202)
    async def convert(episode: str, source: str) -> dict[str, str]:
        outputs = [{"target": f"{TARGETS}{episode}.mp3", "format": "mp3", "bitrate_kbps": 128}]
        try:
            job = await jobs.submit(job_id=f"episode-{episode}", source=source, outputs=outputs)
        except WorkerError as error:
            raise HTTPException(STATUSES.get(type(error), 503), str(error)) from error
        return {"progress": f"/episodes/{episode}/progress", "status": job.status}

    @app.get("/episodes/{episode}/progress")
    async def progress(episode: str) -> StreamingResponse:
        if await jobs.get(f"episode-{episode}") is None:
            raise HTTPException(404)
        lines = (f"data: {now.percent} {now.status}\n\n" async for now in jobs.watch(f"episode-{episode}"))
        return StreamingResponse(lines, media_type="text/event-stream")

    return app
