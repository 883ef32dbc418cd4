#include "models/train/words.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/plural.h"
#include "models/io/clean_text.h"
#include "models/train/lines.h"

enum { MAX_CAPTION = 1 << 14 /* bytes; as a tokenizer takes them */, MAX_GROUPS = 1 << 20 };

struct ggdm_said {
    char **texts; /* [n]; owned */
    size_t n, cap;
    int32_t *of; /* [groups.n]; NULL: not known; owned */
};

/* --- the groups --- */

static ggdm_status read_groups(const char *dir, ggdm_class_groups *out, ggdm_error *err)
{
    char *path = NULL;
    ggdm_doc *doc = NULL;
    ggdm_status st = ggdm_path_join(dir, "attributes.json", &path, err);
    if (st == GGDM_OK && !ggdm_exists(path))
        st = GGDM_FAIL(err, GGDM_EINVAL,
                       "%s: not there, and the network has attributes; expected "
                       "{\"attributes\": [{\"name\": \"glasses\", \"classes\": [\"no\", \"yes\"]}, "
                       "...]} (docs/TRAINING.md)",
                       path);
    if (st == GGDM_OK)
        st = ggdm_json_read(path, MAX_GROUPS, &doc, err);
    if (st == GGDM_OK && !ggdm_node_get(doc->root, "attributes"))
        st = ggdm_node_fail(doc->root, err, "no \"attributes\", expected groups of them");
    if (st == GGDM_OK)
        st = ggdm_class_groups_read(ggdm_node_get(doc->root, "attributes"), out, err);
    ggdm_doc_destroy(&doc);
    free(path);
    return st;
}

ggdm_status ggdm_words_begin(const char *dir, const ggdm_image_want *want, ggdm_words *out,
                             ggdm_error *err)
{
    *out = (ggdm_words){.captions = want->captions, .attributes = want->attributes != NULL};
    return out->attributes ? read_groups(dir, &out->groups, err) : GGDM_OK;
}

bool ggdm_words_matter(const ggdm_words *w)
{
    return w->captions || w->attributes;
}

void ggdm_words_deinit(ggdm_words *w)
{
    for (size_t i = 0; i < w->n; i++) {
        for (size_t k = 0; k < w->said[i].n; k++)
            free(w->said[i].texts[k]);
        free(w->said[i].texts);
        free(w->said[i].of);
    }
    free(w->said);
    ggdm_class_groups_deinit(&w->groups);
    *w = (ggdm_words){0};
}

/* --- of one image --- */

static ggdm_status said_of(ggdm_words *w, int32_t i, ggdm_said **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_grow(&w->said, &w->cap, (size_t)i + 1, sizeof *w->said, err));
    while (w->n <= (size_t)i)
        w->said[w->n++] = (ggdm_said){0};
    *out = &w->said[i];
    return GGDM_OK;
}

/* White space (ASCII's) at the ends is dropped, inside it is one space. */
static ggdm_status copy_words(const char *text, size_t size, char **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, size + 1, 1, err));
    char *to = *out;
    bool space = false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r')) {
            space = to > *out;
            continue;
        }
        if (space)
            *to++ = ' ';
        space = false;
        *to++ = text[i];
    }
    *to = '\0';
    return GGDM_OK;
}

/* What the tokenizer will refuse is refused here, where its file is known. */
static ggdm_status check_caption(const char *text, const char *where, ggdm_error *err)
{
    char *clean = NULL;
    if (!*text || strlen(text) > MAX_CAPTION)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: caption of %zu bytes, expected 1 to %d", where,
                         strlen(text), MAX_CAPTION);
    if (ggdm_clean_text(text, &clean, err) != GGDM_OK)
        return ggdm_error_prefix(err, "%s: caption", where);
    free(clean);
    return GGDM_OK;
}

ggdm_status ggdm_words_caption(ggdm_words *w, int32_t i, const char *text, size_t size,
                               const char *where, ggdm_error *err)
{
    ggdm_said *said;
    char *copy = NULL;
    if (!w->captions)
        return GGDM_OK;
    GGDM_TRY(said_of(w, i, &said, err));
    if (memchr(text, '\0', size))
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: a caption with NUL, expected text", where);
    ggdm_status st = copy_words(text, size, &copy, err);
    if (st == GGDM_OK)
        st = check_caption(copy, where, err);
    if (st == GGDM_OK)
        st = ggdm_grow(&said->texts, &said->cap, said->n + 1, sizeof *said->texts, err);
    if (st == GGDM_OK)
        said->texts[said->n++] = copy;
    else
        free(copy);
    return st;
}

static ggdm_status read_captions(ggdm_words *w, int32_t i, const ggdm_node *node, ggdm_error *err)
{
    const bool list = node->kind == GGDM_NODE_LIST;
    for (const ggdm_node *n = list ? node->first : node; n; n = list ? n->next : NULL) {
        if (n->kind != GGDM_NODE_STRING)
            return ggdm_node_expected(n, err, "a caption, or a list of captions");
        GGDM_TRY(ggdm_words_caption(w, i, n->text, strlen(n->text), node->doc->where, err));
    }
    return GGDM_OK;
}

static ggdm_status read_attributes(ggdm_words *w, int32_t i, const ggdm_node *map, ggdm_error *err)
{
    ggdm_said *said;
    GGDM_TRY(said_of(w, i, &said, err));
    if (said->of)
        return ggdm_node_fail(map, err, "attributes of this image are there twice");
    GGDM_TRY(ggdm_alloc(&said->of, (size_t)w->groups.n, sizeof *said->of, err));
    for (int32_t k = 0; k < w->groups.n; k++) {
        const ggdm_class_group *group = &w->groups.items[k];
        const ggdm_node *name = ggdm_node_get(map, group->name);
        if (!name)
            return ggdm_node_fail(map, err,
                                  "no '%s', expected a class of each group of "
                                  "attributes.json",
                                  group->name);
        said->of[k] = name->kind == GGDM_NODE_STRING ? ggdm_class_in_group(group, name->text) : -1;
        if (said->of[k] < 0)
            return ggdm_node_expected(name, err, "a class that '%s' has in attributes.json",
                                      group->name);
    }
    return GGDM_OK;
}

ggdm_status ggdm_words_object(ggdm_words *w, int32_t i, const ggdm_node *object, ggdm_error *err)
{
    const ggdm_node *text = ggdm_node_get(object, "caption");
    const ggdm_node *attributes = ggdm_node_get(object, "attributes");
    if (object->kind != GGDM_NODE_MAP)
        return ggdm_node_fail(object, err, "expected an object, {\"caption\": ...}");
    if (!text)
        text = ggdm_node_get(object, "text");
    if (w->captions && text)
        GGDM_TRY(read_captions(w, i, text, err));
    if (w->attributes && attributes)
        GGDM_TRY(read_attributes(w, i, attributes, err));
    return GGDM_OK;
}

/* --- a file of lines --- */

typedef struct line_reading {
    ggdm_words *words;
    int32_t i, n; /* images that were spoken of, and of how many there are */
} line_reading;

static ggdm_status take_line(void *context, const char *text, size_t size, const char *where,
                             ggdm_error *err)
{
    line_reading *r = context;
    ggdm_doc *doc = NULL;
    if (r->i == r->n)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: more lines than there are images (%d)", where,
                         r->n);
    ggdm_status st = ggdm_json_parse(text, size, GGDM_LINE_MOST, where, &doc, err);
    if (st == GGDM_OK)
        st = ggdm_words_object(r->words, r->i++, doc->root, err);
    ggdm_doc_destroy(&doc);
    return st;
}

ggdm_status ggdm_words_lines(ggdm_words *w, const char *path, int32_t n, ggdm_error *err)
{
    line_reading r = {w, 0, n};
    GGDM_TRY(ggdm_each_line(path, take_line, &r, err));
    if (r.i != n)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: %d line%s for %d images, expected one for each",
                         path, r.i, ggdm_plural(r.i), n);
    return GGDM_OK;
}

/* --- to the images --- */

/* Is it there of every image? */
static ggdm_status check_all(const ggdm_words *w, int32_t n, bool captions, const char *place,
                             ggdm_image_name *name, const void *context, ggdm_error *err)
{
    enum { SHOWN = 5 };
    char text[600] = "";
    int32_t missing = 0;
    for (int32_t i = 0; i < n; i++) {
        const bool there =
            (size_t)i < w->n && (captions ? w->said[i].n > 0 : w->said[i].of != NULL);
        if (there || missing++ >= SHOWN)
            continue;
        const size_t used = strlen(text);
        char called[GGDM_IMAGE_NAME];
        name(context, i, called);
        snprintf(text + used, sizeof text - used, "%s%s", used ? ", " : "", called);
    }
    if (missing == 0)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EINVAL, "%s: no %s of %d of %d image%s: %s%s", place,
                     captions ? "caption" : "attributes", missing, n, ggdm_plural(n), text,
                     missing > SHOWN ? ", ..." : "");
}

static ggdm_status give_captions(ggdm_words *w, ggdm_images *images, ggdm_error *err)
{
    ggdm_captions *c = &images->captions;
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->said[i].n;
    if (n > INT32_MAX)
        return GGDM_FAIL(err, GGDM_ESHAPE, "%zu captions, expected at most %d", n, INT32_MAX);
    GGDM_TRY(ggdm_alloc(&c->first, (size_t)images->n + 1, sizeof *c->first, err));
    GGDM_TRY(ggdm_alloc(&c->texts, n, sizeof *c->texts, err));
    for (int32_t i = 0; i < images->n; i++) {
        ggdm_said *said = &w->said[i];
        for (size_t k = 0; k < said->n; k++)
            c->texts[c->n++] = said->texts[k];
        said->n = 0; /* they are the images' now */
        c->first[i + 1] = c->n;
    }
    return GGDM_OK;
}

static ggdm_status give_attributes(ggdm_words *w, ggdm_images *images, ggdm_error *err)
{
    ggdm_attributes *a = &images->attributes;
    const size_t groups = (size_t)w->groups.n;
    GGDM_TRY(ggdm_alloc(&a->of, (size_t)images->n * groups, sizeof *a->of, err));
    for (int32_t i = 0; i < images->n; i++)
        memcpy(a->of + (size_t)i * groups, w->said[i].of, groups * sizeof *a->of);
    a->groups = w->groups;
    w->groups = (ggdm_class_groups){0};
    return GGDM_OK;
}

ggdm_status ggdm_words_give(ggdm_words *w, ggdm_images *images, const char *place,
                            ggdm_image_name *name, const void *context, ggdm_error *err)
{
    if (w->captions) {
        GGDM_TRY(check_all(w, images->n, true, place, name, context, err));
        GGDM_TRY(give_captions(w, images, err));
    }
    if (!w->attributes)
        return GGDM_OK;
    GGDM_TRY(check_all(w, images->n, false, place, name, context, err));
    return give_attributes(w, images, err);
}
