FROM python:3.11-slim
WORKDIR /opt/meisu
COPY requirements.lock pyproject.toml README.md ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY migrations migrations
COPY service service
RUN pip install --no-cache-dir --no-deps -e . \
    && useradd --system --create-home meisu && install -d -o meisu -m 0700 /data
USER meisu
ENV MEISU_DATA=/data
VOLUME /data
EXPOSE 8000
CMD ["meisu", "serve", "--host", "0.0.0.0"]
