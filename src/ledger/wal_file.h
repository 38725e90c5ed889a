/*
 * One write for each transaction. SQLite writes a WAL frame by frame, and each frame by two calls;
 * this VFS is the system's own, but that it gathers the frames which a transaction appends and
 * hands them to the kernel together, before SQLite tells anyone that they are there.
 */
#pragma once

#include <sqlite3.h>

/* The VFS's name for sqlite3_open_v2(); NULL (the system's own) when it could not be made. */
const char *wal_file_vfs(void);
