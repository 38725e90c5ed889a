/* Request bodies in gzip (zlib does the work). */
#pragma once

#include "base/buf.h"
#include "base/error.h"

/* Decodes all members of `packed` into `out`, whose maximum bounds the result. Errors:
 * UNSUPPORTED_CODING (not gzip, or cut), BODY_TOO_LARGE. */
bool gzip_decode(struct view packed, struct buf *out, struct error *err) MUST_CHECK;
