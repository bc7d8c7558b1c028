# One image, several commands; docker-compose.yml names them.
# The embedded Postgres and Temporal stay outside: here both are services of their own.

FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Without pip: the image installs nothing any more.
RUN python -m venv --without-pip /opt/apollo
COPY pyproject.toml constraints.txt ./
# The libraries have a layer of their own, which a change of our code leaves as it is.
RUN python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' > needed.txt \
    && pip --python /opt/apollo/bin/python install --constraint constraints.txt --requirement needed.txt \
    && pip install --constraint constraints.txt setuptools
COPY README.md ./
COPY activities activities
COPY api api
COPY console console
COPY domain domain
COPY embedded embedded
COPY observability observability
COPY receivers receivers
COPY store store
COPY telephony telephony
COPY temporal temporal
COPY web web
COPY workflows workflows
COPY *.py ./
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/apollo/bin/python install --no-deps /wheels/*.whl

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /app --create-home apollo
COPY --from=build /opt/apollo /opt/apollo
ENV PATH=/opt/apollo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
# By number, so that Kubernetes can tell that it is not root.
USER 10001

# The worker unless told otherwise:
#   API        uvicorn api.app:from_environment --factory --no-access-log --host 0.0.0.0 --port 8000
#   worker     python -m worker [--role ROLE]
#   migration  apollo migrate
#   tokens     apollo tokens create …
#   simulator  python -m telephony.simulator --host 0.0.0.0
#   console    python -m web, with APOLLO_WEB_HOST=0.0.0.0 and APOLLO_WEB_API_URL
# Health is asked where something listens: /healthz of API and simulator. A worker that cannot go on ends.
CMD ["python", "-m", "worker"]
