# One image, several commands; docker-compose.yml names them.
# The embedded Postgres and Temporal stay outside: here both are services of their own.

FROM python:3.12-slim AS build
RUN python -m venv /opt/apollo
WORKDIR /src
COPY pyproject.toml constraints.txt README.md ./
COPY activities activities
COPY api api
COPY console console
COPY domain domain
COPY embedded embedded
COPY store store
COPY telephony telephony
COPY workflows workflows
COPY *.py ./
RUN /opt/apollo/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /app --create-home apollo
COPY --from=build /opt/apollo /opt/apollo
ENV PATH=/opt/apollo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER apollo

# The worker unless told otherwise:
#   API        uvicorn api.app:from_environment --factory --no-access-log --host 0.0.0.0 --port 8000
#   worker     python -m worker [--role ROLE]
#   migration  apollo migrate
#   simulator  python -m telephony.simulator --host 0.0.0.0
CMD ["python", "-m", "worker"]
