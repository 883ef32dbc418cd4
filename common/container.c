#include "common/container.h"

#include <archive.h>
#include <archive_entry.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/temp.h"

struct ggdm_container {
    struct archive *writer;
    ggdm_temp file;
    uint64_t left; /* bytes of the current entry still to come */
};

static ggdm_status writer_error(ggdm_container *c, const char *what, ggdm_error *err)
{
    const char *text = archive_error_string(c->writer);
    int number = archive_errno(c->writer); /* of the system where it is above 0 */
    if (number > 0)
        return GGDM_FAIL_ERRNO(err, number, "%s: cannot %s", c->file.path, what);
    return GGDM_FAIL(err, GGDM_EIO, "%s: cannot %s: %s", c->file.path, what, text ? text : "?");
}

static ggdm_status open_writer(ggdm_container *c, ggdm_container_kind kind, ggdm_error *err)
{
    c->writer = archive_write_new();
    if (!c->writer)
        return GGDM_FAIL(err, GGDM_ENOMEM, "%s: out of memory", c->file.path);
    int bad = 0;
    if (kind == GGDM_TAR) {
        bad |= archive_write_set_format_ustar(c->writer) != ARCHIVE_OK;
    } else {
        bad |= archive_write_set_format_zip(c->writer) != ARCHIVE_OK;
        bad |= archive_write_zip_set_compression_store(c->writer) != ARCHIVE_OK;
        /* Stored bytes are bytes of the file: no padding behind the directory. */
        bad |= archive_write_set_bytes_in_last_block(c->writer, 1) != ARCHIVE_OK;
    }
    bad |= archive_write_open_fd(c->writer, c->file.fd) != ARCHIVE_OK;
    return bad ? writer_error(c, "start the archive", err) : GGDM_OK;
}

void ggdm_container_abort(ggdm_container **container)
{
    ggdm_container *c = *container;
    *container = NULL;
    if (!c)
        return;
    /* Freeing completes the archive; archive_write_fail() would prevent that, but then the library
     * leaks its buffers (3.6.2).  The file goes away in any case. */
    archive_write_free(c->writer);
    ggdm_temp_abort(&c->file);
    free(c);
}

ggdm_status ggdm_container_create(ggdm_container_kind kind, const char *path, ggdm_container **out,
                                  ggdm_error *err)
{
    ggdm_container *c = NULL;
    ggdm_status st;
    *out = NULL;
    GGDM_TRY(ggdm_alloc(&c, 1, sizeof *c, err));
    GGDM_TRY_GOTO(st, ggdm_temp_open(path, &c->file, err), done);
    GGDM_TRY_GOTO(st, open_writer(c, kind, err), done);
    *out = c;
    c = NULL;
done:
    ggdm_container_abort(&c);
    return st;
}

ggdm_status ggdm_container_begin(ggdm_container *c, const char *name, uint64_t size,
                                 ggdm_error *err)
{
    if (c->left)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "%s: entry '%s' starts %" PRIu64 " bytes too early",
                         c->file.path, name, c->left);
    if (!name[0] || name[0] == '/' || size > INT64_MAX)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "%s: entry '%s' of %" PRIu64 " bytes", c->file.path,
                         name, size);
    struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return GGDM_FAIL(err, GGDM_ENOMEM, "%s: out of memory", c->file.path);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (int64_t)size);
    /* No times, no owners: unset, both formats write zeros, and zip no extra fields for them. */
    int code = archive_write_header(c->writer, entry);
    archive_entry_free(entry);
    if (code != ARCHIVE_OK)
        return writer_error(c, "write an entry", err);
    c->left = size;
    return GGDM_OK;
}

ggdm_status ggdm_container_write(ggdm_container *c, const void *data, size_t size, ggdm_error *err)
{
    if (size > c->left)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "%s: %zu bytes for an entry with %" PRIu64 " left",
                         c->file.path, size, c->left);
    const uint8_t *p = data;
    while (size > 0) {
        la_ssize_t n = archive_write_data(c->writer, p, size);
        if (n <= 0)
            return writer_error(c, "write", err);
        p += n;
        size -= (size_t)n;
        c->left -= (uint64_t)n;
    }
    return GGDM_OK;
}

ggdm_status ggdm_container_add(ggdm_container *c, const char *name, const void *data, size_t size,
                               ggdm_error *err)
{
    GGDM_TRY(ggdm_container_begin(c, name, size, err));
    return ggdm_container_write(c, data, size, err);
}

ggdm_status ggdm_container_begin_array(ggdm_container *c, const char *name, ggdm_npy_type type,
                                       const int64_t *shape, int n_dims, ggdm_error *err)
{
    uint8_t header[GGDM_NPY_MAX_HEADER];
    size_t header_size;
    uint64_t data_size;
    GGDM_TRY(ggdm_npy_header(type, shape, n_dims, header, &header_size, &data_size, err));
    GGDM_TRY(ggdm_container_begin(c, name, header_size + data_size, err));
    return ggdm_container_write(c, header, header_size, err);
}

ggdm_status ggdm_container_commit(ggdm_container **container, ggdm_error *err)
{
    ggdm_container *c = *container;
    ggdm_status st = GGDM_OK;
    if (c->left)
        st = GGDM_FAIL(err, GGDM_EINTERNAL, "%s: the last entry lacks %" PRIu64 " bytes",
                       c->file.path, c->left);
    else if (archive_write_close(c->writer) != ARCHIVE_OK)
        st = writer_error(c, "finish the archive", err);
    else
        st = ggdm_temp_commit(&c->file, err);
    ggdm_container_abort(container);
    return st;
}
