# syntax=docker/dockerfile:1
# The site pins both tags to digests of its own registry.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/candor
COPY requirements.lock requirements-build.lock ./
# Only wheels whose hashes the locks know; what builds stays in this stage.
RUN /opt/candor/bin/pip install --require-hashes -r requirements.lock \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY service service
COPY mappings mappings
RUN /opt/build/bin/python -m build --wheel --no-isolation --outdir /dist \
    && /opt/candor/bin/pip install --no-deps /dist/*.whl

FROM python:3.11.14-slim-bookworm
LABEL org.opencontainers.image.title="candor" \
      org.opencontainers.image.description="Clinical-trial pre-screening over FHIR R4" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/candor /opt/candor
# The one folder that is written to: mount a volume here and the root file system may be read-only.
RUN install -d -o 10001 -g 10001 /var/lib/candor
ENV PATH=/opt/candor/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CANDOR_HOME=/var/lib/candor \
    CANDOR_PORT=8000
# Reached from outside the container, where this version refuses to serve because it cannot verify who asks. A proxy
# that can, and that shares the container's network, may ask a service with CANDOR_HOST=127.0.0.1.
ENV CANDOR_HOST=0.0.0.0
USER 10001:10001
WORKDIR /var/lib/candor
VOLUME ["/var/lib/candor"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"CANDOR_PORT\"]}/livez', timeout=2)"]
ENTRYPOINT ["candor"]
CMD ["serve"]
