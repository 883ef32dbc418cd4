#include "evaluate/next_sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/json_write.h"
#include "common/log.h"
#include "common/temp.h"
#include "common/yaml.h"
#include "jobs/findings.h"

typedef struct writer {
    FILE *f;
    const ggdm_results *r;
    const ggdm_surface *s;
    const ggdm_node *root; /* of the run's sweep */
    const char *text;
    const char *why; /* it cannot be written; NULL: it can */
} writer;

/* ---- the sweep as it is ---------------------------------------------------------------------- */

static const ggdm_store_column *column_of(const ggdm_results *r, const char *key)
{
    for (int32_t i = 0; i < r->n_columns; i++)
        if (strcmp(r->columns[i].name, key) == 0 || strcmp(r->columns[i].path, key) == 0)
            return &r->columns[i];
    return NULL;
}

static bool is_axis(const ggdm_surface *s, const ggdm_store_column *c)
{
    return c == s->axes[0].column || (s->n_axes == 2 && c == s->axes[1].column);
}

/* Can it be taken apart by its lines? */
static const char *check_lines(const ggdm_node *root)
{
    int line = 0;
    for (const ggdm_node *n = ggdm_node_entries(root); n; n = n->next) {
        if (n->key_column != 1 || n->key_line <= line)
            return "its keys do not stand at the start of lines";
        line = n->key_line;
    }
    return NULL;
}

/* ---- axes ------------------------------------------------------------------------------------ */

static void put_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static void put_value(writer *w, const ggdm_store_column *c, ggdm_store_value v)
{
    if (c->type == GGDM_PARAM_WINDOW && isnan(v.number))
        w->why = "a window begins late";
    else if (!isnan(v.number) || c->type == GGDM_PARAM_FLAG)
        fputs(v.text, w->f);
    else
        put_text(w->f, v.text);
}

/* An axis that stays: the values it has, in the order of the cells. */
static void put_other(writer *w, const ggdm_store_column *c)
{
    const int32_t column = (int32_t)(c - w->r->columns);
    if (c->varies && !c->aim)
        w->why = "another parameter varies with the axes";
    fprintf(w->f, "  %s: [", c->name);
    for (int32_t i = 0; i < w->r->n_rows; i++) {
        const ggdm_store_value v = ggdm_results_value(w->r, &w->r->rows[i], column);
        bool again = false;
        for (int32_t k = 0; k < i && !again; k++)
            again = strcmp(ggdm_results_value(w->r, &w->r->rows[k], column).text, v.text) == 0;
        if (again)
            continue;
        fputs(i ? ", " : "", w->f);
        put_value(w, c, v);
    }
    fputs("]\n", w->f);
}

static void put_others(writer *w, const ggdm_node *map)
{
    for (const ggdm_node *n = ggdm_node_entries(map); n; n = n->next) {
        const ggdm_store_column *c = column_of(w->r, n->key);
        if (strcmp(n->key, "zip") == 0)
            put_others(w, n);
        else if (!c)
            w->why = "it has an axis that is no parameter";
        else if (!is_axis(w->s, c))
            put_other(w, c);
    }
}

/* Of a window: 1.0 is the whole chain, 1 is a step of it. */
static bool is_in_shares(const writer *w, const ggdm_store_column *c)
{
    const int32_t column = (int32_t)(c - w->r->columns);
    if (c->type != GGDM_PARAM_WINDOW)
        return false;
    for (int32_t i = 0; i < w->r->n_rows; i++)
        if (strchr(ggdm_results_value(w->r, &w->r->rows[i], column).text, '.'))
            return true;
    return false;
}

static void put_axes(writer *w)
{
    const ggdm_surface *s = w->s;
    fputs(s->n_axes == 2 ? "sweep:\n  zip:\n" : "sweep:\n", w->f);
    for (int i = s->n_axes - 1; i >= 0; i--) {
        const bool shares = is_in_shares(w, s->axes[i].column);
        fprintf(w->f, "%s%s: [", s->n_axes == 2 ? "    " : "  ", s->axes[i].column->name);
        for (int32_t k = 0; k < s->n_next; k++) {
            char text[GGDM_NUMBER_SIZE];
            ggdm_number_text(s->next[k].at[i], text);
            fprintf(w->f, "%s%s%s", k ? ", " : "", text, shares && !strchr(text, '.') ? ".0" : "");
        }
        fputs("]\n", w->f);
    }
    put_others(w, ggdm_node_get(w->root, "sweep"));
}

/* ---- the file -------------------------------------------------------------------------------- */

/* Lines first to last - 1, from 1. */
static void put_lines(FILE *f, const char *text, int first, int last)
{
    for (int line = 1; line < last && *text; line++) {
        const size_t length = strcspn(text, "\n");
        if (line >= first)
            fprintf(f, "%.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

/* A list of PATH=VALUE, which goes before what the file says: the name is another one now. */
static void put_set(writer *w, const ggdm_node *set)
{
    bool any = false;
    for (const ggdm_node *n = set->first; n; n = n->next) {
        if (strncmp(n->text, "name=", 5) == 0)
            continue;
        fputs(any ? "  - " : "set:\n  - ", w->f);
        put_text(w->f, n->text);
        fputs("\n", w->f);
        any = true;
    }
}

static void put_file(writer *w)
{
    const ggdm_surface *s = w->s;
    fprintf(
        w->f,
        "# What to try next, as the response surface of %s sees it (%d places, accuracy by %s).\n"
        "# `ggdm run next.yaml --run RUN --add` adds these cells to the run.\n",
        w->r->info->name, s->n_places, s->measure);
    for (int32_t i = 0; i < s->n_next; i++)
        fprintf(w->f, "#   %d: %.1f %% [%.1f, %.1f] expected, %s\n", i + 1, 100 * s->next[i].p,
                100 * s->next[i].lo, 100 * s->next[i].hi,
                s->next[i].unsure ? "as it is least known" : "as it may be better");
    fprintf(w->f, "name: %.58s-next\n", w->r->info->name);
    for (const ggdm_node *n = ggdm_node_entries(w->root); n; n = n->next) {
        if (strcmp(n->key, "sweep") == 0)
            put_axes(w);
        else if (strcmp(n->key, "set") == 0)
            put_set(w, n);
        else if (strcmp(n->key, "name") != 0)
            put_lines(w->f, w->text, n->key_line, n->next ? n->next->key_line : 1 << 30);
    }
}

static ggdm_status remove_old(const char *dir, ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(dir, GGDM_NEXT_FILE, &path, err));
    unlink(path);
    free(path);
    return GGDM_OK;
}

static ggdm_status write_text(writer *w, const char *dir, ggdm_error *err)
{
    char *text = NULL;
    size_t size = 0;
    w->f = open_memstream(&text, &size);
    if (!w->f)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for " GGDM_NEXT_FILE);
    put_file(w);
    const bool bad = ferror(w->f) != 0;
    ggdm_status st = GGDM_OK;
    if (fclose(w->f) != 0 || bad)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for " GGDM_NEXT_FILE);
    else if (!w->why)
        st = ggdm_replace_file_in(dir, GGDM_NEXT_FILE, text, size, err);
    free(text);
    return st;
}

ggdm_status ggdm_next_sweep_write(const ggdm_results *r, const char *dir, ggdm_error *err)
{
    writer w = {.r = r, .s = r->surface};
    char *text = NULL;
    ggdm_doc *doc = NULL;
    ggdm_status st;
    if (!w.s || w.s->n_next == 0)
        return remove_old(dir, err);
    GGDM_TRY_GOTO(st, ggdm_store_sweep_text(r->store, 1, &text, err), done);
    GGDM_TRY_GOTO(st, ggdm_yaml_parse(text, strlen(text), "sweep", &doc, err), done);
    w.text = text;
    w.root = doc->root;
    w.why = check_lines(w.root);
    if (!w.why)
        GGDM_TRY_GOTO(st, write_text(&w, dir, err), done);
    if (w.why) {
        ggdm_log(GGDM_LOG_INFO, GGDM_NEXT_FILE " is left out: the sweep cannot be changed, %s",
                 w.why);
        st = remove_old(dir, err);
    }
done:
    ggdm_doc_destroy(&doc);
    free(text);
    return st;
}
