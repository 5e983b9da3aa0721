#!/bin/sh
# build-sqlite.sh FOLDER: SQLite's shared library by its own configure script and Makefile, as
# FOLDER/sqlite3/.libs/libsqlite3.so. All of it is one file of 8 MB that Tcl scripts put together.
set -eu
cd "$1/sqlite3"
[ ! -e .libs/libsqlite3.so ] || exit 0
./configure -q --disable-tcl --disable-static --disable-readline
make -s libsqlite3.la
