# The worker as a container: no compiler and no pip in the image, nothing written outside /tmp.
# Layers are in the order of change: base, ffmpeg, dependencies, code.
# The digest is that of the index, for amd64 and arm64; deploy/README.md says how it is renewed.
ARG BASE_IMAGE=python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE_IMAGE} AS build
RUN python3 -m venv /build/pip && python3 -m venv --without-pip /opt/worker
COPY locks/runtime.txt /build/locks/runtime.txt
RUN /build/pip/bin/pip --python /opt/worker/bin/python install --no-cache-dir --disable-pip-version-check --no-compile \
        --require-hashes --requirement /build/locks/runtime.txt
COPY deploy/image /build/image
COPY worker /build/worker
RUN /opt/worker/bin/python /build/image/assemble.py /build/worker /build/locks/runtime.txt /build/layers

FROM ${BASE_IMAGE}
COPY --from=build /build/layers/ffmpeg /
COPY --from=build /build/layers/dependencies /
COPY --from=build /build/layers/code /
ENV PATH=/opt/worker/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    WORKER_HTTP_HOST=0.0.0.0
LABEL org.opencontainers.image.title="audio-conversion-worker" \
      org.opencontainers.image.description="Takes audio-conversion jobs from SQS and converts with ffmpeg, S3 to S3" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-3.0-or-later"
USER 10001:10001
WORKDIR /tmp
# Fargate mounts a volume as root's, and only where the image declares one with the rights of the image's directory
# (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html).
VOLUME ["/tmp"]
EXPOSE 8080
STOPSIGNAL SIGTERM
# -S and a bare socket: a check costs 10 ms of CPU, not the 60 ms of urllib's imports.
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-IS", "-c", "\
import os, socket, sys\n\
port = os.environ.get('WORKER_HTTP_PORT') or '8080'\n\
if port in ('0', 'off'): sys.exit(0)\n\
with socket.create_connection(('127.0.0.1', int(port)), 2) as connection:\n\
    connection.sendall(b'GET /livez HTTP/1.0\\r\\n\\r\\n')\n\
    sys.exit(b' 200 ' not in connection.recv(64))\n"]
ENTRYPOINT ["worker"]
CMD ["run"]
