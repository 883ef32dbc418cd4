#include "common/source.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/fs.h"
#include "common/mem.h"

#define DEFLATE_MOST 1032u /* bytes that one packed byte may become (zlib's documentation) */
#define BLOCK ((size_t)1 << 16)

struct ggdm_source {
    char *path, *where;
    ggdm_file file;
    gzFile plain;        /* plain files and gzip; else NULL */
    struct archive *zip; /* or tar */
    bool is_folder;      /* this member, of an archive */
    uint64_t at, most;   /* bytes read, and at most to come, of this member */
};

void ggdm_source_close(ggdm_source **source)
{
    ggdm_source *s = *source;
    *source = NULL;
    if (!s)
        return;
    if (s->plain)
        gzclose_r(s->plain); /* closes the file as well */
    else
        ggdm_file_close(&s->file);
    archive_read_free(s->zip);
    free(s->path);
    free(s->where);
    free(s);
}

static ggdm_status open_file(const char *path, ggdm_source **out, ggdm_error *err)
{
    ggdm_source *s = NULL;
    ggdm_status st;
    *out = NULL;
    GGDM_TRY(ggdm_alloc(&s, 1, sizeof *s, err));
    GGDM_TRY_GOTO(st, ggdm_strdup(path, &s->path, err), done);
    GGDM_TRY_GOTO(st, ggdm_strdup(path, &s->where, err), done);
    GGDM_TRY_GOTO(st, ggdm_file_open(s->path, &s->file, err), done);
    s->most = s->file.size;
    *out = s;
    s = NULL;
done:
    ggdm_source_close(&s);
    return st;
}

ggdm_status ggdm_source_open(const char *path, ggdm_source **out, ggdm_error *err)
{
    GGDM_TRY(open_file(path, out, err));
    ggdm_source *s = *out;
    s->plain = gzdopen(s->file.fd, "rb");
    if (!s->plain) {
        ggdm_source_close(out);
        return GGDM_FAIL(err, GGDM_ENOMEM, "%s: no memory to read it", path);
    }
    if (!gzdirect(s->plain))
        s->most *= DEFLATE_MOST;
    return GGDM_OK;
}

static ggdm_status zip_error(const ggdm_source *s, ggdm_error *err)
{
    const char *text = archive_error_string(s->zip);
    return GGDM_FAIL(err, GGDM_EFORMAT, "%s: %s", s->where, text ? text : "not such an archive");
}

static ggdm_status open_archive(const char *path, int (*support)(struct archive *),
                                ggdm_source **out, ggdm_error *err)
{
    GGDM_TRY(open_file(path, out, err));
    ggdm_source *s = *out;
    ggdm_status st = GGDM_OK;
    s->zip = archive_read_new();
    if (!s->zip)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "%s: no memory to read it", path);
    else if (support(s->zip) != ARCHIVE_OK ||
             archive_read_open_fd(s->zip, s->file.fd, BLOCK) != ARCHIVE_OK)
        st = zip_error(s, err);
    if (st != GGDM_OK)
        ggdm_source_close(out);
    return st;
}

ggdm_status ggdm_source_open_zip(const char *path, ggdm_source **out, ggdm_error *err)
{
    GGDM_TRY(open_archive(path, archive_read_support_format_zip_seekable, out, err));
    (*out)->most *= DEFLATE_MOST;
    return GGDM_OK;
}

ggdm_status ggdm_source_open_tar(const char *path, ggdm_source **out, ggdm_error *err)
{
    return open_archive(path, archive_read_support_format_tar, out, err);
}

ggdm_status ggdm_source_next(ggdm_source *s, const char **name, ggdm_error *err)
{
    struct archive_entry *entry;
    *name = NULL;
    int code = archive_read_next_header(s->zip, &entry);
    if (code == ARCHIVE_EOF)
        return GGDM_OK;
    /* (A name that this locale does not have is a warning, which the name in UTF-8 answers.) */
    const bool there = code == ARCHIVE_OK || code == ARCHIVE_WARN;
    const char *text = there ? archive_entry_pathname(entry) : NULL;
    if (there && !text)
        text = archive_entry_pathname_utf8(entry);
    if (!text)
        return zip_error(s, err);
    s->is_folder = archive_entry_filetype(entry) == AE_IFDIR;
    free(s->where);
    s->where = NULL;
    GGDM_TRY(ggdm_asprintf(&s->where, err, "%s: %.200s", s->path, text));
    s->at = 0;
    *name = text;
    return GGDM_OK;
}

bool ggdm_source_is_folder(const ggdm_source *s)
{
    return s->is_folder;
}

const char *ggdm_source_where(const ggdm_source *s)
{
    return s->where;
}

uint64_t ggdm_source_most(const ggdm_source *s)
{
    return s->most - (s->at < s->most ? s->at : s->most);
}

/* Up to size bytes; fewer only at the end. */
static ggdm_status read_some(ggdm_source *s, char *out, size_t size, size_t *got, ggdm_error *err)
{
    for (*got = 0; *got < size;) {
        size_t left = size - *got;
        la_ssize_t n = s->plain
                           ? gzread(s->plain, out + *got, left < BLOCK ? (unsigned)left : BLOCK)
                           : archive_read_data(s->zip, out + *got, left);
        if (n == 0)
            break;
        if (n < 0 && !s->plain)
            return zip_error(s, err);
        if (n < 0)
            break;
        *got += (size_t)n;
    }
    s->at += *got;
    int code = Z_OK;
    const char *text = s->plain ? gzerror(s->plain, &code) : NULL;
    if (code == Z_ERRNO)
        return GGDM_FAIL_ERRNO(err, errno, "cannot read %s", s->where);
    if (code != Z_OK && code != Z_STREAM_END)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: damaged gzip: %s", s->where, text);
    return GGDM_OK;
}

ggdm_status ggdm_source_read(ggdm_source *s, void *out, size_t size, ggdm_error *err)
{
    size_t got;
    GGDM_TRY(read_some(s, out, size, &got, err));
    if (got != size)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: truncated: ends %zu bytes too early", s->where,
                         size - got);
    return GGDM_OK;
}

ggdm_status ggdm_source_rest(ggdm_source *s, size_t max, char **out, size_t *size, ggdm_error *err)
{
    size_t cap = 0, got = BLOCK;
    ggdm_status st = GGDM_OK;
    *out = NULL;
    for (*size = 0; got == BLOCK && *size <= max && st == GGDM_OK; *size += got) {
        st = ggdm_grow(out, &cap, *size + BLOCK, 1, err);
        if (st == GGDM_OK)
            st = read_some(s, *out + *size, BLOCK, &got, err);
    }
    if (st == GGDM_OK && *size > max)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s: expected at most %zu bytes", s->where, max);
    if (st == GGDM_OK)
        return GGDM_OK;
    free(*out);
    *out = NULL;
    return st;
}

ggdm_status ggdm_source_end(ggdm_source *s, ggdm_error *err)
{
    size_t got;
    char byte;
    GGDM_TRY(read_some(s, &byte, 1, &got, err));
    if (got != 0)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: trailing bytes behind the data", s->where);
    return GGDM_OK;
}
