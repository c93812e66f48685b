# What builds the environment stays behind in the first stage.
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build

ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON=/usr/local/bin/python3 \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /app

# The uv that tools/bootstrap.py installs, too.
COPY tools/uv.txt ./
RUN pip install --no-cache-dir --root-user-action=ignore --only-binary=:all: --require-hashes --requirement=uv.txt

# The locked packages are a layer of their own, which a change of the code leaves as it is.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --extra otel --no-install-project --no-build

COPY LICENSE README.md ./
COPY src src
COPY alembic alembic
RUN uv sync --frozen --no-dev --no-editable --extra otel


FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

LABEL org.opencontainers.image.title="Doorward" \
      org.opencontainers.image.description="A self-hosted authentication service" \
      org.opencontainers.image.licenses="Apache-2.0"

ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    METRICS_HOST=0.0.0.0 \
    DOORWARD_DATA=/data \
    EMBEDDED=off
WORKDIR /app

# The code belongs to root; the service can change nothing but its data.
RUN groupadd --gid 10001 doorward \
    && useradd --uid 10001 --gid doorward --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin doorward \
    && install --directory --owner=doorward --group=doorward --mode=0700 /data
COPY --from=build /app/.venv /app/.venv

USER 10001:10001
VOLUME /data
EXPOSE 8000

HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; api = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); api.request('GET', '/health/ready'); sys.exit(api.getresponse().status != 200)"]

CMD ["doorward", "serve"]
