#include "cli/size_source.h"

#include "llm/gguf.h"
#include "llm/hf_config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_CONFIG = 4 << 20, MAX_FILES = 1000 };

static bool cannot_read(const char *path, struct error *err)
{
    return error_set(err, ERROR_IO, "cannot read %s: %s", path, strerror(errno));
}

/* The whole file, of which only the pages that are looked at are read. */
static bool map_file(const char *path, struct view *ret_file, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return cannot_read(path, err);
    if (fstat(fd, &st) < 0) {
        close(fd);
        return cannot_read(path, err);
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        close(fd);
        return error_set(err, ERROR_IO, "cannot read %s: it is no file, or empty", path);
    }
    char *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    bool ok = bytes != MAP_FAILED || cannot_read(path, err);
    close(fd);
    if (ok)
        *ret_file = view_of(bytes, (size_t)st.st_size);
    return ok;
}

static void unmap(struct view file)
{
    munmap((void *)(uintptr_t)file.p, file.n);
}

static bool read_gguf(const char *path, struct model_shape *ret_shape, struct error *err)
{
    struct view file;

    if (!map_file(path, &file, err))
        return false;
    bool ok = gguf_read(file, ret_shape, err);
    unmap(file);
    return ok;
}

/* Part 3 of 12 of NAME-00003-of-00012.gguf. */
static bool part_path(const char *first, unsigned part, unsigned parts, char path[PATH_MAX],
                      struct error *err)
{
    char of_first[32], of_part[32];
    int n = snprintf(of_first, sizeof(of_first), "-%05u-of-%05u.gguf", 1u, parts);
    struct view whole = view_str(first);

    snprintf(of_part, sizeof(of_part), "-%05u-of-%05u.gguf", part + 1, parts);
    if (!view_ends(whole, view_of(of_first, (size_t)n)) || whole.n >= PATH_MAX) {
        error_set(err, ERROR_BAD_VALUE, "%s is one of %u files, and not named like the first",
                  first, parts);
        return error_hint(err, "name the file that ends in %s, with the others beside it",
                          of_first);
    }
    snprintf(path, PATH_MAX, "%.*s%s", (int)whole.n - n, first, of_part);
    return true;
}

static bool add_parts(const char *first, struct model_shape *s, struct error *err)
{
    if (s->files > MAX_FILES)
        return error_set(err, ERROR_BAD_VALUE, "%s is one of too many files", first);
    for (unsigned part = 1; part < s->files; part++) {
        struct model_shape more;
        char path[PATH_MAX];
        if (!part_path(first, part, s->files, path, err) || !read_gguf(path, &more, err))
            return false;
        for (unsigned i = 0; i < more.n_parts; i++)
            if (!shape_add_weights(s, more.parts[i].type, more.parts[i].params,
                                   more.parts[i].bytes))
                return error_set(err, ERROR_BAD_VALUE, "the model is larger than can be");
        s->matrix_params += more.matrix_params;
    }
    return true;
}

bool size_source_read(const char *path, const struct weight_type *type,
                      struct model_shape *ret_shape, bool *ret_gguf, struct error *err)
{
    struct model_shape s;
    struct view file;

    if (!map_file(path, &file, err))
        return false;
    bool gguf = view_starts(file, VIEW("GGUF"));
    bool ok =
        gguf ? gguf_read(file, &s, err)
             : (file.n <= MAX_CONFIG ||
                error_set(err, ERROR_BAD_VALUE, "%s is neither GGUF nor a config.json", path)) &&
                   hf_config_read(file, type, &s, err);
    unmap(file);
    if (!ok)
        return false;
    if (gguf && s.file > 0) {
        error_set(err, ERROR_BAD_VALUE, "%s holds a later part of a model's weights", path);
        return error_hint(err, "name the first of its files");
    }
    if (gguf && !add_parts(path, &s, err))
        return false;
    *ret_shape = s;
    *ret_gguf = gguf;
    return true;
}
