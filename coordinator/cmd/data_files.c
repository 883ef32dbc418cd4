/* Checking and copying the files of a data set. */
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/hash.h"
#include "common/temp.h"
#include "coordinator/cmd/data_set.h"

#define MAX_FILE ((size_t)1 << 30) /* bytes */

static ggdm_status compare_digest(const char *path, const char *found, const char *want,
                                  ggdm_error *err)
{
    if (want && strcmp(found, want))
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: SHA-256 is %s, expected %s", path, found, want);
    return GGDM_OK;
}

static ggdm_status check_bytes(const char *path, const void *data, size_t size, const char *want,
                               ggdm_error *err)
{
    uint8_t digest[GGDM_HASH_SIZE];
    char found[GGDM_HASH_TEXT_SIZE];
    ggdm_hash_buffer(data, size, digest);
    ggdm_hash_hex(digest, found);
    return compare_digest(path, found, want, err);
}

static ggdm_status check_file(const char *dir, const ggdm_data_file *file, ggdm_error *err)
{
    char *path = NULL, found[GGDM_HASH_TEXT_SIZE];
    GGDM_TRY(ggdm_path_join(dir, file->name, &path, err));
    ggdm_status st = ggdm_hash_file(path, found, err);
    if (st == GGDM_OK)
        st = compare_digest(path, found, file->sha256, err);
    free(path);
    return st;
}

ggdm_status ggdm_data_check(const ggdm_data_set *set, const char *dir, ggdm_error *err)
{
    for (const ggdm_data_file *f = set->files; f->name; f++)
        GGDM_TRY(check_file(dir, f, err));
    return GGDM_OK;
}

/* Verify, then copy: what is in out is always right. */
static ggdm_status copy_file(const char *from, const char *out, const ggdm_data_file *file,
                             ggdm_error *err)
{
    char *source = NULL, *target = NULL, *data = NULL;
    size_t size = 0;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(from, file->name, &source, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(out, file->name, &target, err), done);
    GGDM_TRY_GOTO(st, ggdm_read_file(source, MAX_FILE, &data, &size, err), done);
    GGDM_TRY_GOTO(st, check_bytes(source, data, size, file->sha256, err), done);
    st = ggdm_replace_file(target, data, size, err);
done:
    free(data);
    free(source);
    free(target);
    return st;
}

ggdm_status ggdm_data_copy(const ggdm_data_set *set, const char *from, const char *out,
                           ggdm_error *err)
{
    GGDM_TRY(ggdm_data_check(set, from, err));
    GGDM_TRY(ggdm_make_dirs(out, err));
    for (const ggdm_data_file *f = set->files; f->name; f++)
        GGDM_TRY(copy_file(from, out, f, err));
    return GGDM_OK;
}
