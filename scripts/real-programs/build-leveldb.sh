#!/bin/sh
# build-leveldb.sh FOLDER: LevelDB as a shared library by its own CMake project, as
# FOLDER/leveldb/build/libleveldb.so.
set -eu
cd "$1/leveldb"
[ ! -e build/libleveldb.so ] || exit 0
cmake -S . -B build -DCMAKE_BUILD_TYPE=RelWithDebInfo -DBUILD_SHARED_LIBS=ON \
    -DLEVELDB_BUILD_TESTS=OFF -DLEVELDB_BUILD_BENCHMARKS=OFF -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
make -s -C build -j2 leveldb
