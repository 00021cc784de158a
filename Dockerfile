# The worker as a container: two stages, no compiler and no pip in the second, nothing written outside /tmp.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
RUN python3 -m venv /opt/worker
COPY locks/runtime.txt /build/locks/runtime.txt
RUN /opt/worker/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile \
        --require-hashes --requirement /build/locks/runtime.txt
COPY worker /build/worker
# Bytecode is made now: the root filesystem may be read-only later, and each start would compile anew.
RUN site=$(/opt/worker/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
    && cp -r /build/worker "$site/worker" \
    && /opt/worker/bin/pip uninstall --yes --quiet pip setuptools \
    && python3 -m compileall -q -j 0 /opt/worker/lib

FROM ${BASE_IMAGE}
COPY --from=build /opt/worker /opt/worker
ENV PATH=/opt/worker/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    WORKER_HTTP_HOST=0.0.0.0
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
ENTRYPOINT ["python", "-m", "worker"]
CMD ["run"]
