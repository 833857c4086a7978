#!/usr/bin/env bash
# What the tests need beside Python: Chromium, a Chinese font (else Chinese shows as boxes), a PostgreSQL server.
set -euo pipefail
missing=()
command -v chromium >/dev/null || missing+=(chromium)
fc-list 2>/dev/null | grep -qi 'noto.*cjk' || missing+=(fonts-noto-cjk)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing+=(postgresql)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "测试还需要这些系统软件包：${missing[*]}。请先安装，例如：sudo apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "正在安装系统软件包：${missing[*]} …"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq "${missing[@]}" >/dev/null
