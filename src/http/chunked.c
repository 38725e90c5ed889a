#include "http/chunked.h"

#include "http/syntax.h"

enum {
    MAX_SIZE_DIGITS = 16,
    MAX_LINE = 256,      /* a size line with its extensions */
    MAX_TRAILERS = 8192, /* all trailer lines together */
};

enum state {
    SIZE,         /* before or in the hex digits */
    BLANKS,       /* behind the size; only an extension may follow */
    EXTENSION,    /* up to the CR */
    SIZE_LF,      /* the LF of the size line */
    DATA,         /* `left` bytes */
    DATA_CR,      /* the CR behind them */
    DATA_LF,      /* and its LF */
    TRAILER,      /* at the start of a trailer line, or of the empty line at the end */
    TRAILER_NAME, /* in a name */
    TRAILER_TEXT, /* in a value */
    TRAILER_LF,   /* the LF of a trailer line */
    LAST_LF,      /* the LF of the empty line */
    DONE,
    BROKEN,
};

static bool refuse(struct error *err, const char *what)
{
    error_set(err, ERROR_BAD_HTTP, "chunked body: %s", what);
    return error_hint(err, "send each chunk as its size in hex, CR LF, its bytes, CR LF");
}

/* The steps take one byte that is not body; false: it does not belong there. */
static bool step_size(struct http_chunks *c, char byte, struct error *err)
{
    int digit = ascii_hex(byte);

    if (++c->line > MAX_LINE)
        return refuse(err, "a size line is longer than 256 bytes");
    if (c->state == SIZE && digit >= 0) {
        if (c->line > MAX_SIZE_DIGITS || c->left >> 59)
            return refuse(err, "a chunk size is too large");
        c->left = c->left << 4 | (uint64_t)digit;
        return true;
    }
    if (c->state == SIZE && c->line == 1)
        return refuse(err, "a chunk does not begin with its size in hex");
    if (c->state != BLANKS && byte == '\r')
        c->state = SIZE_LF;
    else if (c->state != EXTENSION && byte == ';')
        c->state = EXTENSION;
    else if (c->state != EXTENSION && (byte == ' ' || byte == '\t'))
        c->state = BLANKS;
    else if (c->state != EXTENSION || !char_is(byte, CHAR_TEXT))
        return refuse(err, "a size line holds a byte that does not belong there");
    return true;
}

static bool step_trailer(struct http_chunks *c, char byte, struct error *err)
{
    bool fits = false;

    if (++c->trailers > MAX_TRAILERS)
        return refuse(err, "the trailers are longer than 8 KiB");
    if (c->state == TRAILER) {
        fits = byte == '\r' || char_is(byte, CHAR_TOKEN);
        c->state = byte == '\r' ? LAST_LF : TRAILER_NAME;
    } else if (c->state == TRAILER_NAME) {
        fits = byte == ':' || char_is(byte, CHAR_TOKEN);
        c->state = byte == ':' ? TRAILER_TEXT : TRAILER_NAME;
    } else {
        fits = byte == '\r' || char_is(byte, CHAR_TEXT);
        c->state = byte == '\r' ? TRAILER_LF : TRAILER_TEXT;
    }
    return fits || refuse(err, "a trailer holds a byte that does not belong there");
}

/* A byte that can only be this one. */
static bool step_fixed(struct http_chunks *c, char byte, struct error *err)
{
    if (byte != (c->state == DATA_CR ? '\r' : '\n'))
        return refuse(err,
                      c->state == DATA_CR || c->state == DATA_LF
                          ? "a chunk is longer than its size says, or no CR LF stands behind it"
                          : "a CR stands without its LF");
    switch (c->state) {
    case SIZE_LF:
        c->state = c->left ? DATA : TRAILER;
        c->line = 0;
        break;
    case DATA_CR:
        c->state = DATA_LF;
        break;
    case DATA_LF:
        c->state = SIZE;
        break;
    case TRAILER_LF:
        c->state = TRAILER;
        break;
    default:
        c->state = DONE;
        break;
    }
    return true;
}

static bool step(struct http_chunks *c, char byte, struct error *err)
{
    if (c->state <= EXTENSION)
        return step_size(c, byte, err);
    if (c->state >= TRAILER && c->state <= TRAILER_TEXT)
        return step_trailer(c, byte, err);
    return step_fixed(c, byte, err);
}

enum http_chunks_result http_chunks_next(struct http_chunks *c, struct view *input,
                                         struct view *ret_data, struct error *err)
{
    while (c->state < DONE && input->n) {
        if (c->state == DATA) {
            *ret_data = view_first(*input, c->left);
            *input = view_skip(*input, ret_data->n);
            c->left -= ret_data->n;
            if (c->left == 0)
                c->state = DATA_CR;
            return HTTP_CHUNKS_DATA;
        }
        if (!step(c, input->p[0], err)) {
            c->state = BROKEN;
            return HTTP_CHUNKS_BAD;
        }
        *input = view_skip(*input, 1);
    }
    if (c->state == BROKEN) {
        refuse(err, "it was refused before");
        return HTTP_CHUNKS_BAD;
    }
    return c->state == DONE ? HTTP_CHUNKS_END : HTTP_CHUNKS_MORE;
}
