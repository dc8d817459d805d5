# shellcheck shell=bash
# The lmcache package in a virtual environment. Sourced.

# shellcheck source=tests/support/venv.sh
source "$(dirname "${BASH_SOURCE[0]}")/../support/venv.sh"

# need_lmcache VENV_DIR VERSION: without what needs a GPU. Skips where it cannot be had.
need_lmcache() {
  local venv=$1 version=$2 stand_ins site
  stand_ins=$(cd "$(dirname "${BASH_SOURCE[0]}")/stand_ins" && pwd)
  # What it imports on the way to its workers and its controller.
  need_package "$venv" \
    aiofile==3.12.3 aiofiles==25.1.0 aiohttp==3.14.5 blake3==1.0.11 cachetools==8.0.2 \
    cbor2==6.3.0 fastapi==0.165.0 httpx==0.28.1 msgspec==0.23.0 numba==0.68.1 numpy==2.2.6 \
    opentelemetry-api==1.45.2 opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-grpc==1.45.2 \
    opentelemetry-exporter-prometheus==0.66b2 prometheus_client==0.26.0 \
    psutil==7.2.2 py-cpuinfo==9.0.0 pydantic==2.14.4 python-multipart==0.0.34 PyYAML==6.0.4 \
    pyzmq==27.3.0 requests==2.34.2 sortedcontainers==2.4.0 uvicorn==0.54.0
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  cp "$stand_ins/"*.py "$site/"
  echo 'import stand_ins' >"$site/stand_ins.pth"
  "$venv/bin/python" -c "import importlib.metadata as m; exit(m.version('lmcache') != '$version')" 2>/dev/null && return
  timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 20 \
    --no-deps "lmcache==$version" >"$venv.log" 2>&1 ||
    skip "lmcache==$version cannot be installed; is PyPI reachable? see $venv.log"
}
