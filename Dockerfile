# The bot in a container: docker build -t depot-bot .
# Everything it keeps is in /data: .env, the ledger (when it is in SQLite), config/bot.toml.
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
RUN python3 -m venv /opt/depot-bot
COPY requirements.txt .
RUN /opt/depot-bot/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY bot bot
# What built it is of no use where it runs.
RUN /opt/depot-bot/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/depot-bot/bin/pip uninstall --yes hatchling editables pip

FROM ${BASE}
COPY --from=build /opt/depot-bot /opt/depot-bot
RUN mkdir /data && chown 10001:10001 /data
ENV PATH=/opt/depot-bot/bin:$PATH HOST=0.0.0.0 PORT=8000
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --start-period=30s --interval=30s --timeout=5s CMD ["python3", "-c", "\
import http.client, os, sys; \
bot = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); \
bot.request('GET', '/healthz'); \
sys.exit(bot.getresponse().status != 200)"]
ENTRYPOINT ["depot-bot"]
CMD ["serve"]
