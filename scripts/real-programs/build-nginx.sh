#!/bin/sh
# build-nginx.sh FOLDER: nginx by its own configure script and Makefile, as FOLDER/nginx/objs/nginx.
set -eu
cd "$1/nginx"
[ ! -x objs/nginx ] || exit 0
./configure
make -s -j2
