#include "coordinator/show/report_recipes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "jobs/recipe.h"

/* Texts that are shown: so many, of so many bytes together. */
enum { MOST_RECIPES = 500, MOST_BYTES = 2000000 };

/* Add a name to a list, where it is not in it yet and fits. */
static void add_name(char list[GGDM_REPORT_KINDS], const char *name)
{
    const size_t used = strlen(list), size = strlen(name);
    for (const char *at = list; *name && (at = strstr(at, name)); at += size)
        if ((at == list || at[-1] == ' ') && (!at[size] || at[size] == ','))
            return;
    if (*name && used + size + 3 < GGDM_REPORT_KINDS)
        snprintf(list + used, GGDM_REPORT_KINDS - used, "%s%s", used ? ", " : "", name);
}

static const char *text_of(const ggdm_node *map, const char *key)
{
    const ggdm_node *n = ggdm_node_get(map, key);
    return n && n->kind == GGDM_NODE_STRING ? n->text : "";
}

static void add_losses(ggdm_report_recipes *out, const ggdm_node *setting)
{
    const ggdm_node *terms = ggdm_node_get(setting, "terms");
    for (const ggdm_node *t = terms ? terms->first : NULL; t; t = t->next)
        add_name(out->losses, text_of(ggdm_node_get(t, "loss"), "kind"));
}

/* {"stages":[{"head":HEAD,"runs":[[500,SETTING],[1000,{}]]}]} */
static void look(ggdm_report_recipes *out, const ggdm_node *root, bool *unguided)
{
    const ggdm_node *stages = ggdm_node_get(root, "stages");
    *unguided = true;
    for (const ggdm_node *s = stages ? stages->first : NULL; s; s = s->next) {
        const ggdm_node *head = ggdm_node_get(s, "head"), *runs = ggdm_node_get(s, "runs");
        add_name(out->samplers, text_of(ggdm_node_get(head, "sampler"), "kind"));
        for (const ggdm_node *run = runs ? runs->first : NULL; run; run = run->next) {
            const ggdm_node *setting = run->first ? run->first->next : NULL;
            *unguided = *unguided && (!setting || !setting->first);
            add_losses(out, setting);
        }
    }
}

typedef struct listing {
    ggdm_json *j;
    const ggdm_results *r;
    ggdm_report_recipes *out;
    int32_t *first; /* [trajectories] the row that shows one first, from 1; owned */
    int32_t shown;
    size_t bytes;
} listing;

static void put_text(listing *l, int64_t trajectory, const char *text)
{
    const size_t size = strlen(text);
    if (l->shown == MOST_RECIPES || l->bytes + size > MOST_BYTES)
        return;
    l->shown++;
    l->bytes += size;
    ggdm_json_begin_object(l->j, NULL);
    ggdm_json_put_int(l->j, "trajectory", trajectory);
    ggdm_json_put_string(l->j, "text", text);
    ggdm_json_end(l->j);
}

static ggdm_status put_recipe(listing *l, int32_t row, ggdm_error *err)
{
    const int64_t trajectory = l->r->rows[row].cell.trajectory;
    char *text = NULL;
    ggdm_doc *doc = NULL;
    if (l->first[trajectory]) {
        l->out->unguided[row] = l->out->unguided[l->first[trajectory] - 1];
        return GGDM_OK;
    }
    l->first[trajectory] = row + 1;
    GGDM_TRY(ggdm_store_recipe(l->r->store, trajectory, &text, err));
    ggdm_status st =
        ggdm_json_parse(text, strlen(text), GGDM_MAX_RECIPE * GGDM_MAX_RUNS, "recipe", &doc, err);
    if (st == GGDM_OK) {
        look(l->out, doc->root, &l->out->unguided[row]);
        put_text(l, trajectory, text);
    }
    ggdm_doc_destroy(&doc);
    free(text);
    return st;
}

static ggdm_status put_recipes(listing *l, ggdm_error *err)
{
    int64_t most = 0;
    for (int32_t i = 0; i < l->r->n_rows; i++)
        most = l->r->rows[i].cell.trajectory > most ? l->r->rows[i].cell.trajectory : most;
    GGDM_TRY(ggdm_alloc(&l->first, (size_t)most + 1, sizeof *l->first, err));
    for (int32_t i = 0; i < l->r->n_rows; i++)
        GGDM_TRY(put_recipe(l, i, err));
    return GGDM_OK;
}

ggdm_status ggdm_report_put_recipes(ggdm_json *j, const ggdm_results *r, ggdm_report_recipes *out,
                                    ggdm_error *err)
{
    listing l = {.j = j, .r = r, .out = out};
    *out = (ggdm_report_recipes){.known = true};
    GGDM_TRY(ggdm_alloc(&out->unguided, (size_t)r->n_rows, sizeof *out->unguided, err));
    ggdm_json_begin_array(j, "recipes");
    ggdm_status st = put_recipes(&l, err);
    if (st == GGDM_EUNSUPPORTED) { /* a run of an older program, which had none */
        *err = (ggdm_error){0};
        out->known = false;
        st = GGDM_OK;
    }
    ggdm_json_end(j);
    free(l.first);
    return st;
}

void ggdm_report_recipes_deinit(ggdm_report_recipes *recipes)
{
    free(recipes->unguided);
    recipes->unguided = NULL;
}
