#include "models/io/shards.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"

#define MAX_INDEX ((size_t)16 << 20) /* bytes of an index */
#define MAX_SHARDS 512               /* all are open at a time */

static int by_text(const void *a, const void *b)
{
    return strcmp((*(const ggdm_node *const *)a)->text, (*(const ggdm_node *const *)b)->text);
}

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const ggdm_node *const *)a)->key, (*(const ggdm_node *const *)b)->key);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ggdm_shard_tensor *)a)->name, ((const ggdm_shard_tensor *)b)->name);
}

/* ---- the index ---- */

static ggdm_status list_entries(ggdm_shards *s, ggdm_error *err)
{
    const ggdm_node *map = ggdm_node_get(s->doc->root, "weight_map");
    if (!map || map->kind != GGDM_NODE_MAP || map->count == 0)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: no 'weight_map', expected an object of tensors and the files that "
                         "hold them",
                         s->where);
    GGDM_TRY(ggdm_alloc(&s->entries, map->count, sizeof *s->entries, err));
    for (const ggdm_node *e = map->first; e; e = e->next) {
        /* names stay in the directory */
        if (e->kind != GGDM_NODE_STRING || strchr(e->text, '/') || e->text[0] == '.' ||
            !ggdm_ends_with(e->text, s->end))
            return ggdm_node_expected(e, err, "the name of a %s file beside the index", s->end);
        s->entries[s->n++] = e;
    }
    return GGDM_OK;
}

static ggdm_status list_files(ggdm_shards *s, ggdm_error *err)
{
    size_t n = 0;
    qsort(s->entries, s->n, sizeof *s->entries, by_text);
    for (size_t i = 0; i < s->n; i++)
        n += i == 0 || strcmp(s->entries[i - 1]->text, s->entries[i]->text) != 0;
    if (n > MAX_SHARDS)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s: %zu files, expected at most %d", s->where, n,
                         MAX_SHARDS);
    GGDM_TRY(ggdm_alloc(&s->files, n, sizeof *s->files, err));
    for (size_t i = 0; i < s->n; i++) {
        const ggdm_node *e = s->entries[i];
        if (i > 0 && strcmp(s->entries[i - 1]->text, e->text) == 0)
            continue;
        ggdm_shard *f = &s->files[s->n_files++];
        *f = (ggdm_shard){.name = e->text, .some = e->key};
        GGDM_TRY(ggdm_path_join(s->dir, f->name, &f->path, err));
    }
    qsort(s->entries, s->n, sizeof *s->entries, by_key);
    return GGDM_OK;
}

ggdm_status ggdm_shards_open(const char *path, ggdm_shards *out, ggdm_error *err)
{
    const char *slash = strrchr(path, '/');
    *out = (ggdm_shards){0};
    GGDM_TRY(ggdm_strdup(path, &out->where, err));
    GGDM_TRY(ggdm_folder_of(path, &out->dir, err));
    GGDM_TRY(ggdm_strdup(slash ? slash + 1 : path, &out->stem, err));
    out->stem[strlen(out->stem) - strlen(GGDM_INDEX_END)] = '\0';
    GGDM_TRY(ggdm_strdup(strrchr(out->stem, '.'), &out->end, err));
    out->stem[strlen(out->stem) - strlen(out->end)] = '\0';
    GGDM_TRY(ggdm_json_read(path, MAX_INDEX, &out->doc, err));
    GGDM_TRY(list_entries(out, err));
    return list_files(out, err);
}

void ggdm_shards_close(ggdm_shards *s)
{
    for (size_t i = 0; i < s->n_files; i++)
        free(s->files[i].path);
    free(s->files);
    free(s->entries);
    free(s->where);
    free(s->dir);
    free(s->stem);
    free(s->end);
    ggdm_doc_destroy(&s->doc);
    *s = (ggdm_shards){0};
}

/* ---- against the files ---- */

/* NAME-00001-of-00002.END that the index does not name was left by another save. */
static ggdm_status check_no_other(const ggdm_shards *s, ggdm_error *err)
{
    DIR *d = opendir(s->dir);
    ggdm_status st = GGDM_OK;
    const size_t n = strlen(s->stem);
    for (struct dirent *e; d && st == GGDM_OK && (e = readdir(d));) {
        bool other = strncmp(e->d_name, s->stem, n) == 0 && e->d_name[n] == '-' &&
                     strstr(e->d_name + n, "-of-") && ggdm_ends_with(e->d_name, s->end);
        for (size_t i = 0; i < s->n_files && other; i++)
            other = strcmp(s->files[i].name, e->d_name) != 0;
        if (other)
            st = GGDM_FAIL(err, GGDM_EFORMAT,
                           "%s: the index does not name %.200s, which is beside it (left from "
                           "another save?)",
                           s->where, e->d_name);
    }
    if (d)
        closedir(d);
    return st;
}

ggdm_status ggdm_shards_check(const ggdm_shards *s, ggdm_shard_tensor *tensors, size_t n,
                              ggdm_error *err)
{
    if (n)
        qsort(tensors, n, sizeof *tensors, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(tensors[i - 1].name, tensors[i].name) == 0)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: tensor '%.200s' is in two files, %s and %s",
                             s->where, tensors[i].name, tensors[i - 1].file, tensors[i].file);
    for (size_t i = 0, k = 0; i < n || k < s->n; i++, k++) {
        const ggdm_shard_tensor *t = i < n ? &tensors[i] : NULL;
        const ggdm_node *e = k < s->n ? s->entries[k] : NULL;
        const int order = !t ? 1 : !e ? -1 : strcmp(t->name, e->key);
        if (order > 0)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: tensor '%.200s' is not in %s", s->where,
                             e->key, e->text);
        if (order < 0)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: tensor '%.200s' of %s is not in the index",
                             s->where, t->name, t->file);
        if (strcmp(t->file, e->text) != 0)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: tensor '%.200s' is in %s, the index says %s",
                             s->where, t->name, t->file, e->text);
    }
    return check_no_other(s, err);
}
