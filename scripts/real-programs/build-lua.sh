#!/bin/sh
# build-lua.sh FOLDER: the Lua interpreter by its own Makefile, as FOLDER/lua5.4/src/lua.
set -eu
cd "$1/lua5.4"
[ -x src/lua ] || make -s linux MYCFLAGS=-g
