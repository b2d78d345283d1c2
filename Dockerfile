# One image for all of ours: code server, webserver, daemon, `wdh serve`. `docker compose` builds it.
ARG PYTHON_IMAGE=python:3.12.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 VIRTUAL_ENV=/opt/wdh
# pip brings uv and setuptools, uv brings the rest, all held to the hashes of the two locks.
COPY requirements.lock ./
RUN sed -n -e '/^uv==/,/^ *# via/p' -e '/^setuptools==/,/^ *# via/p' requirements.lock > tools.txt \
 && python -m venv tools \
 && tools/bin/pip install --quiet --no-cache-dir --require-hashes -r tools.txt
COPY deploy/requirements.lock ./deploy/
# The source maps of Dagster's pages are for who debugs their JavaScript: 22 MB.
RUN python -m venv --without-pip /opt/wdh \
 && tools/bin/uv pip sync --quiet --no-cache --require-hashes deploy/requirements.lock \
 && find /opt/wdh -name '*.js.map' -delete
COPY pyproject.toml setup.py README.md LICENSE ./
COPY docs/runbooks ./docs/runbooks
COPY src ./src
RUN tools/bin/python -c 'from setuptools.build_meta import build_wheel; build_wheel("dist")' \
 && tools/bin/uv pip install --quiet --no-cache --no-deps dist/*.whl

FROM ${PYTHON_IMAGE}
# 10001: no user of the host has it. What the processes write is in these two folders and in /tmp.
RUN groupadd --gid 10001 wdh \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/wdh --shell /usr/sbin/nologin wdh \
 && install --directory --owner=wdh --group=wdh --mode=0750 /data /var/lib/wdh
COPY --from=build /opt/wdh /opt/wdh
COPY deploy/code_server.py deploy/health.py /opt/wdh/deploy/
COPY deploy/dagster /etc/wdh/dagster
ENV PATH=/opt/wdh/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TZ=Asia/Shanghai \
    DAGSTER_HOME=/etc/wdh/dagster \
    DAGSTER_DISABLE_TELEMETRY=1 \
    WDH_STATE_DIR=/var/lib/wdh \
    WDH_DATA_BASE_DIR=/data \
    WDH_ALERTS_CONFIG=/etc/wdh/alerts.yml
WORKDIR /var/lib/wdh
USER 10001:10001
