# An environment with the packages on top that one repository asks for. They lie in a folder of their own, so that
# the environment's layers are shared and nothing is copied twice.
ARG BASE
FROM ${BASE} AS installed
COPY wheels /tmp/wheels
RUN pip install --no-index --no-deps --no-cache-dir --disable-pip-version-check --progress-bar off \
      --target /opt/packages /tmp/wheels/*.whl

FROM ${BASE}
COPY --from=installed /opt/packages /opt/packages
ENV PYTHONPATH=/opt/packages
