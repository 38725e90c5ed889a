/*
 * TLS towards upstreams: one client context for each trust store, made once and shared by all
 * loops. Reading a trust store takes about 55 ms, so it is done off the loop, at first use or when
 * tls_preload() asks for it.
 *
 * OpenSSL's error queue belongs to the thread, not to the task: it is cleared before each call and
 * read right after, with no wait between.
 */
#pragma once

#include "run/offload.h"

typedef struct ssl_ctx_st SSL_CTX;

/* `ca_file` empty: the system's trust store. The context lives as long as the program. */
SSL_CTX *tls_client_context(struct view ca_file, int64_t deadline_ns, struct error *err) MUST_CHECK;
/* Starts loading without waiting. */
void tls_preload(struct view ca_file);
/* The first error of the thread's queue as text, and the queue empty. */
void tls_error_text(char *text, size_t size);
