# One image for every process; the command decides which. docs/adr/0015 says why it is built so.
# A release names its base by digest: --build-arg PYTHON_IMAGE=python:3.11-slim@sha256:...
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS dependencies
# The system's certificates, so that a build behind a TLS proxy only has to mount its own.
ARG UV_SYSTEM_CERTS=true UV_PYTHON=/usr/local/bin/python3 UV_PYTHON_DOWNLOADS=never
COPY requirements/bootstrap.txt requirements/image.txt /tmp/requirements/
# What is removed: tests, sources and symbols of compiled modules, and what nothing here imports of
# Arrow, the Kubernetes client and AWS's. Libraries that wheels bring along (*.libs) were patched, and
# strip would break them. Compiled files carry hashes and no times: always the same.
RUN echo 'tidecast:x:10001:10001::/tmp:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'tidecast:x:10001:' >> /etc/group \
 && pip install --no-cache-dir --root-user-action=ignore --require-hashes --target /tmp/uv \
    -r /tmp/requirements/bootstrap.txt \
 && /tmp/uv/bin/uv venv --quiet /opt/venv \
 && /tmp/uv/bin/uv pip install --quiet --python /opt/venv --no-cache --require-hashes \
    --only-binary :all: -r /tmp/requirements/image.txt \
 && apt-get -qq update && apt-get -qq install -y --no-install-recommends binutils > /dev/null \
 && cd /opt/venv/lib/python3*/site-packages \
 && find . -type d -name tests -prune -exec rm -rf {} + \
 && find . -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.pyi' \
    -o -name '*.c' -o -name '*.cpp' -o -name '*.h' -o -name '*.hpp' -o -name '*.a' \) -delete \
 && rm -rf kubernetes/aio pyarrow/include pyarrow/src pyarrow/*flight* \
 && find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sns ! -name 'sso*' \
    ! -name sts ! -name signin -exec rm -rf {} + \
 && find statsmodels/datasets -name '*.csv' -delete \
 && find . -path './*.libs' -prune -o -type f -name '*.so*' -size +500k \
    -exec strip --strip-unneeded {} + \
 && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib \
 && apt-get -qq purge -y --auto-remove binutils > /dev/null \
 && rm -rf /tmp/* /root/.cache /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/* \
    /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 BENTOML_DO_NOT_TRACK=true

FROM dependencies AS bento
WORKDIR /src
COPY . .
# Lower-case letters, digits, dots, dashes and underscores: BentoML takes nothing else.
ARG VERSION=dev
ARG SOURCE_DATE_EPOCH=0
# The service comes out of its Bento; the other processes and the command are laid beside it.
RUN pip install --no-cache-dir --root-user-action=ignore --require-hashes \
    -r requirements/bootstrap.txt \
 && BENTOML_HOME=/tmp/b bentoml build --version "${VERSION}" -o tag \
 && mv "/tmp/b/bentos/tidecast/${VERSION}" /bento \
 && sed -i "s/^creation_time: .*/creation_time: '$(date -u -d "@${SOURCE_DATE_EPOCH}" +%FT%TZ)'/" \
    /bento/bento.yaml \
 && cp -r ingestion training monitoring cli sample /bento/src/ \
 && mkdir /bento/bin \
 && printf '#!/opt/venv/bin/python\nfrom cli.main import main\n\nmain()\n' > /bento/bin/tidecast \
 && chmod 755 /bento/bin/tidecast \
 && find /bento -name __pycache__ -prune -exec rm -rf {} + \
 && python -m compileall -q --invalidation-mode unchecked-hash /bento/src
# Nothing that was removed above is missed: every process can import what it will need.
RUN cd /bento/src && PYTHONDONTWRITEBYTECODE=1 python -c "import cli.beginning, cli.forecast_local, \
    ingestion.__main__, monitoring.cluster.trigger, monitoring.loop, service.runtime, training.run, \
    boto3, kubernetes.client, matplotlib.pyplot, mlflow.pyfunc, mlflow.server, optuna, pyarrow.parquet"

FROM dependencies
ARG VERSION=dev
LABEL org.opencontainers.image.title=tidecast \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.licenses=Apache-2.0
# Everything that is written goes below /tmp: the root file system may be read-only.
ENV PATH=/app/bin:$PATH HOME=/tmp TIDECAST_HOME_DIR=/tmp/tidecast BENTOML_HOME=/tmp/bentoml \
    TIDECAST_SERVICE__HOST=0.0.0.0 PYTHONPATH=/app/src PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 GIT_PYTHON_REFRESH=quiet MLFLOW_DISABLE_TELEMETRY=true
COPY --from=bento /bento /app
WORKDIR /app/src
USER 10001:10001
EXPOSE 3000 50051 9100
CMD ["python", "-m", "service"]
