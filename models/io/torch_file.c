#include "models/io/torch_file.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/source.h"

#define PICKLE "data.pkl"
#define DATA "data/"

static const unsigned char zip_magic[] = {'P', 'K', 3, 4};
/* LONG1 of 10 bytes: 0x1950a86a20f9469cfc6c, behind the protocol's number. */
static const unsigned char legacy_magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9,
                                             0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
enum { LEGACY_BEGIN = 2 + sizeof legacy_magic };

bool ggdm_torch_is_zip(const unsigned char *begin, size_t n)
{
    return n >= sizeof zip_magic && memcmp(begin, zip_magic, sizeof zip_magic) == 0;
}

bool ggdm_torch_is_legacy(const unsigned char *begin, size_t n)
{
    return n >= LEGACY_BEGIN && begin[0] == 0x80 &&
           memcmp(begin + 2, legacy_magic, sizeof legacy_magic) == 0;
}

/* ---- zip ---- */

/* What was seen of the members, and the text of the pickle. */
typedef struct contents {
    char *pickle;
    size_t size;
    bool is_script;
} contents;

static ggdm_status check_byteorder(ggdm_source *s, ggdm_error *err)
{
    char *text = NULL;
    size_t size;
    GGDM_TRY(ggdm_source_rest(s, 16, &text, &size, err));
    const bool little = size == 6 && memcmp(text, "little", size) == 0;
    free(text);
    return little ? GGDM_OK
                  : GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                              "%s: not little-endian: save it again on "
                              "another machine",
                              ggdm_source_where(s));
}

static ggdm_status look_at(ggdm_torch_file *f, ggdm_source *s, const char *member, contents *c,
                           ggdm_error *err)
{
    const char *slash = strchr(member, '/');
    const char *rest = slash ? slash + 1 : "";
    if (strcmp(rest, "byteorder") == 0)
        return check_byteorder(s, err);
    c->is_script = c->is_script || strcmp(rest, "constants.pkl") == 0;
    if (strcmp(rest, PICKLE) != 0 || f->root)
        return GGDM_OK;
    GGDM_TRY(ggdm_asprintf(&f->root, err, "%.*s", (int)(rest - member), member));
    return ggdm_source_rest(s, GGDM_PICKLE_MAX, &c->pickle, &c->size, err);
}

static ggdm_status look_at_all(ggdm_torch_file *f, contents *c, ggdm_error *err)
{
    ggdm_source *s = NULL;
    const char *member;
    GGDM_TRY(ggdm_source_open_zip(f->file.path, &s, err));
    ggdm_status st = ggdm_source_next(s, &member, err);
    while (st == GGDM_OK && member) {
        st = look_at(f, s, member, c, err);
        if (st == GGDM_OK)
            st = ggdm_source_next(s, &member, err);
    }
    ggdm_source_close(&s);
    return st;
}

static ggdm_status open_zip(ggdm_torch_file *f, ggdm_error *err)
{
    contents c = {0};
    ggdm_status st = look_at_all(f, &c, err);
    if (st == GGDM_OK && c.is_script)
        st = GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                       "%s: a TorchScript archive, a program and not weights alone, as OpenAI "
                       "publishes CLIP: take the safetensors file of Hugging Face "
                       "(openai/clip-vit-base-patch32), or have PyTorch save the weights: "
                       "torch.save(torch.jit.load('FILE', map_location='cpu').state_dict(), "
                       "'weights.pt')",
                       f->file.path);
    else if (st == GGDM_OK && !c.pickle)
        st = GGDM_FAIL(err, GGDM_EFORMAT,
                       "%s: a zip archive without ROOT/" PICKLE ", expected one of torch.save",
                       f->file.path);
    if (st == GGDM_OK)
        st = ggdm_pickle_read(c.pickle, c.size, ggdm_torch_globals, f->file.path, &f->pickle, err);
    if (st == GGDM_OK)
        st = ggdm_torch_list_storages(f, err);
    free(c.pickle);
    return st;
}

/* ---- legacy ---- */

/* The next pickle of those at the begin, from *at on. */
static ggdm_status next_pickle(const ggdm_torch_file *f, const char *head, size_t size, size_t *at,
                               ggdm_pickle *out, ggdm_error *err)
{
    GGDM_TRY(ggdm_pickle_read(head + *at, size - *at, ggdm_torch_globals, f->file.path, out, err));
    *at += out->used;
    return GGDM_OK;
}

/* 1001, the version of the form, and the facts about the machine. */
static ggdm_status skip_facts(const ggdm_torch_file *f, const char *head, size_t size, size_t *at,
                              ggdm_error *err)
{
    ggdm_pickle p;
    GGDM_TRY(next_pickle(f, head, size, at, &p, err));
    const bool known = p.root->kind == GGDM_PICKLE_INT && p.root->integer == 1001;
    ggdm_pickle_close(&p);
    if (!known)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: its form is not version 1001", f->file.path);
    GGDM_TRY(next_pickle(f, head, size, at, &p, err));
    const ggdm_pickle_value *little = ggdm_pickle_get(p.root, "little_endian");
    const bool good = little && little->kind == GGDM_PICKLE_BOOL && little->integer;
    ggdm_pickle_close(&p);
    return good
               ? GGDM_OK
               : GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                           "%s: not little-endian: save it again on another machine", f->file.path);
}

/* Where each storage is, by the list of their keys, to the end of the file. */
static ggdm_status place_storages(ggdm_torch_file *f, const ggdm_pickle_value *keys, size_t at,
                                  ggdm_error *err)
{
    if (keys->kind != GGDM_PICKLE_LIST)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: no list of storages", f->file.path);
    for (size_t i = 0; i < keys->n; i++) {
        const char *key = keys->items[i]->kind == GGDM_PICKLE_TEXT ? keys->items[i]->text : "";
        ggdm_torch_storage *s = ggdm_torch_find_storage(f, key);
        unsigned char n[8];
        uint64_t count = 0;
        if (!s || s->there)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: storage '%.40s' is %s", f->file.path, key,
                             s ? "there twice" : "of no tensor");
        if (f->file.size - at < sizeof n)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: truncated in front of storage '%.40s'",
                             f->file.path, key);
        GGDM_TRY(ggdm_file_read(&f->file, at, n, sizeof n, err));
        for (int k = 7; k >= 0; k--)
            count = count << 8 | n[k];
        at += sizeof n;
        const size_t size = ggdm_safetensors_dtype_size(s->dtype);
        if (count != s->count || count > (f->file.size - at) / size)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: storage '%.40s' has %llu elements, expected %zu, within the file "
                             "(is it truncated?)",
                             f->file.path, key, (unsigned long long)count, s->count);
        s->at = at;
        s->there = true;
        at += s->count * size;
    }
    return at == f->file.size
               ? GGDM_OK
               : GGDM_FAIL(err, GGDM_EFORMAT, "%s: %zu bytes behind the last storage", f->file.path,
                           f->file.size - at);
}

static ggdm_status open_legacy(ggdm_torch_file *f, ggdm_error *err)
{
    const size_t size = f->file.size < GGDM_PICKLE_MAX ? f->file.size : GGDM_PICKLE_MAX;
    size_t at = LEGACY_BEGIN;
    char *head = NULL;
    ggdm_pickle keys = {0};
    ggdm_status st;
    GGDM_TRY(ggdm_alloc(&head, size, 1, err));
    GGDM_TRY_GOTO(st, ggdm_file_read(&f->file, 0, head, size, err), done);
    GGDM_TRY_GOTO(st, skip_facts(f, head, size, &at, err), done);
    GGDM_TRY_GOTO(st, next_pickle(f, head, size, &at, &f->pickle, err), done);
    GGDM_TRY_GOTO(st, next_pickle(f, head, size, &at, &keys, err), done);
    GGDM_TRY_GOTO(st, ggdm_torch_list_storages(f, err), done);
    st = place_storages(f, keys.root, at, err);
done:
    ggdm_pickle_close(&keys);
    free(head);
    return st;
}

/* ---- the whole ---- */

ggdm_status ggdm_torch_open(const char *path, ggdm_torch_file *out, ggdm_error *err)
{
    unsigned char begin[LEGACY_BEGIN];
    *out = (ggdm_torch_file){0};
    GGDM_TRY(ggdm_file_open(path, &out->file, err));
    const size_t n = out->file.size < sizeof begin ? out->file.size : sizeof begin;
    GGDM_TRY(ggdm_file_read(&out->file, 0, begin, n, err));
    if (ggdm_torch_is_zip(begin, n))
        GGDM_TRY(open_zip(out, err));
    else if (ggdm_torch_is_legacy(begin, n))
        GGDM_TRY(open_legacy(out, err));
    else
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: not a file of torch.save", path);
    return ggdm_torch_find_states(out, err);
}

void ggdm_torch_close(ggdm_torch_file *f)
{
    for (size_t i = 0; i < f->n_states; i++)
        free(f->states[i].name);
    free(f->states);
    free(f->storages);
    free(f->tensors);
    free(f->root);
    ggdm_pickle_close(&f->pickle);
    ggdm_file_close(&f->file);
    *f = (ggdm_torch_file){0};
}

/* ---- numbers ---- */

/* A tensor's elements one behind the other: where they lie so in the storage these, else copied
 * to room. */
static const char *pack(const ggdm_torch_tensor *t, const char *storage, char *room)
{
    const size_t size = ggdm_safetensors_dtype_size(t->is.dtype);
    const int64_t *d = t->is.shape.d, *stride = t->stride;
    int64_t packed = 1;
    bool as_is = true;
    for (int k = t->is.shape.n - 1; k >= 0; packed *= d[k--])
        as_is = as_is && (d[k] == 1 || stride[k] == packed);
    storage += (size_t)t->offset * size;
    if (as_is)
        return storage;
    int64_t step[GGDM_MAX_DIMS] = {0};
    memcpy(step, stride, (size_t)t->is.shape.n * sizeof *step);
    char *to = room;
    for (int64_t a = 0; a < d[0]; a++)
        for (int64_t b = 0; b < d[1]; b++)
            for (int64_t c = 0; c < d[2]; c++)
                for (int64_t e = 0; e < d[3]; e++, to += size)
                    memcpy(to,
                           storage +
                               (size_t)(a * step[0] + b * step[1] + c * step[2] + e * step[3]) *
                                   size,
                           size);
    return room;
}

static ggdm_status give_tensor(const ggdm_torch_file *f, size_t i, const char *storage,
                               ggdm_torch_take take, void *context, ggdm_error *err)
{
    const ggdm_torch_tensor *t = &f->tensors[i];
    ggdm_st_tensor packed = t->is;
    char *room = NULL;
    float *wide = NULL;
    ggdm_status st;
    GGDM_TRY(ggdm_alloc(&room, t->is.size, 1, err));
    GGDM_TRY_GOTO(st, ggdm_alloc(&wide, (size_t)ggdm_shape_count(&t->is.shape), sizeof *wide, err),
                  done);
    if (t->is.size)
        packed.data = pack(t, storage, room);
    ggdm_safetensors_to_f32(&packed, wide);
    st = take(context, i, wide, err);
done:
    free(wide);
    free(room);
    return st;
}

/* Of one storage: read by from, or by the file. */
static ggdm_status give_storage(ggdm_torch_file *f, ggdm_torch_storage *s, ggdm_source *from,
                                ggdm_torch_take take, void *context, ggdm_error *err)
{
    const size_t size = s->count * ggdm_safetensors_dtype_size(s->dtype);
    char *data = NULL;
    ggdm_status st;
    GGDM_TRY(ggdm_alloc(&data, size, 1, err));
    if (from) {
        GGDM_TRY_GOTO(st, ggdm_source_read(from, data, size, err), done);
        GGDM_TRY_GOTO(st, ggdm_source_end(from, err), done);
    } else {
        GGDM_TRY_GOTO(st, ggdm_file_read(&f->file, s->at, data, size, err), done);
    }
    s->there = true;
    for (size_t i = 0; i < s->n; i++)
        GGDM_TRY_GOTO(st, give_tensor(f, s->first + i, data, take, context, err), done);
done:
    free(data);
    return st;
}

static bool is_wanted(const ggdm_torch_storage *s)
{
    return s && s->n > 0 && ggdm_safetensors_is_float(s->dtype);
}

static ggdm_status load_zip(ggdm_torch_file *f, ggdm_torch_take take, void *context,
                            ggdm_error *err)
{
    const size_t n = strlen(f->root), data = sizeof DATA - 1;
    ggdm_source *s = NULL;
    const char *member;
    GGDM_TRY(ggdm_source_open_zip(f->file.path, &s, err));
    ggdm_status st = ggdm_source_next(s, &member, err);
    for (; st == GGDM_OK && member; st = ggdm_source_next(s, &member, err)) {
        if (strncmp(member, f->root, n) != 0 || strncmp(member + n, DATA, data) != 0)
            continue;
        ggdm_torch_storage *storage = ggdm_torch_find_storage(f, member + n + data);
        if (is_wanted(storage) && !storage->there)
            st = give_storage(f, storage, s, take, context, err);
        if (st != GGDM_OK)
            break;
    }
    ggdm_source_close(&s);
    return st;
}

ggdm_status ggdm_torch_load(ggdm_torch_file *f, ggdm_torch_take take, void *context,
                            ggdm_error *err)
{
    for (size_t i = 0; i < f->n_storages && f->root; i++)
        f->storages[i].there = false;
    if (f->root)
        GGDM_TRY(load_zip(f, take, context, err));
    for (size_t i = 0; i < f->n_storages; i++) {
        ggdm_torch_storage *s = &f->storages[i];
        if (is_wanted(s) && !s->there)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: tensor '%.200s': its storage '%.40s' is missing", f->file.path,
                             f->tensors[s->first].is.name, s->key);
        if (is_wanted(s) && !f->root)
            GGDM_TRY(give_storage(f, s, NULL, take, context, err));
    }
    return GGDM_OK;
}
