#!/bin/sh
# build-redis.sh FOLDER: redis-server with its client and its benchmark by its own Makefile, as
# FOLDER/redis/src/redis-server, redis-cli and redis-benchmark.
set -eu
cd "$1/redis/src"
[ -x redis-server ] && [ -x redis-cli ] && [ -x redis-benchmark ] ||
    make -s -j2 redis-server redis-cli redis-benchmark
