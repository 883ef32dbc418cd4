/* The traces of a run, for a copy of it. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/hash.h"
#include "common/temp.h"
#include "coordinator/cmd/trace.h"

#define MAX_COPIED ((size_t)256 << 20)

static ggdm_status copy_file(const char *from, const char *to, const char *name, ggdm_error *err)
{
    char *path = NULL, *data = NULL;
    size_t size;
    GGDM_TRY(ggdm_path_join(from, name, &path, err));
    ggdm_status st = ggdm_read_file(path, MAX_COPIED, &data, &size, err);
    if (st == GGDM_OK)
        st = ggdm_replace_file_in(to, name, data, size, err);
    free(path);
    free(data);
    return st;
}

/* Is there a trace.json that has this cell's key? */
static bool is_of(const char *folder, const ggdm_store_cell *cell)
{
    char key[GGDM_HASH_TEXT_SIZE], *path = NULL, *text = NULL;
    ggdm_hash_hex(cell->key, key);
    const bool is =
        ggdm_path_join(folder, GGDM_TRACE_MARKER, &path, NULL) == GGDM_OK && ggdm_exists(path) &&
        ggdm_read_text(path, GGDM_MAX_TRACE_MARKER, &text, NULL) == GGDM_OK && strstr(text, key);
    free(path);
    free(text);
    return is;
}

static ggdm_status copy_folder(const char *from, const char *to, ggdm_error *err)
{
    GGDM_TRY(ggdm_make_dirs(to, err));
    DIR *d = opendir(from);
    if (!d)
        return GGDM_FAIL_ERRNO(err, errno, "%s", from);
    ggdm_status st = GGDM_OK;
    for (struct dirent *e; st == GGDM_OK && (e = readdir(d));)
        if (ggdm_ends_with(e->d_name, ".png") || ggdm_ends_with(e->d_name, ".csv") ||
            strcmp(e->d_name, GGDM_TRACE_MARKER) == 0)
            st = copy_file(from, to, e->d_name, err);
    closedir(d);
    return st;
}

ggdm_status ggdm_trace_copy(const char *from, const char *to, const ggdm_store_cell *cell,
                            ggdm_error *err)
{
    char *source = NULL, *target = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_trace_folder(from, cell, &source, err), done);
    GGDM_TRY_GOTO(st, ggdm_trace_folder(to, cell, &target, err), done);
    if (is_of(source, cell))
        st = copy_folder(source, target, err);
done:
    free(source);
    free(target);
    return st;
}
