/* A sweep's normalised text: what makes two sweep files the same sweep. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_write.h"
#include "common/mem.h"
#include "jobs/sweep.h"

typedef struct text {
    char *data;
    size_t size, cap;
    ggdm_status st;
    ggdm_error *err;
} text;

static void add(text *t, const char *piece)
{
    size_t n = strlen(piece);
    if (t->st == GGDM_OK)
        t->st = ggdm_grow(&t->data, &t->cap, t->size + n + 1, 1, t->err);
    if (t->st != GGDM_OK)
        return;
    memcpy(t->data + t->size, piece, n + 1);
    t->size += n;
}

static void add_line(text *t, const char *key, const char *value)
{
    add(t, key);
    add(t, ": ");
    add(t, value);
    add(t, "\n");
}

/* Texts of the user may hold line ends: quoted like JSON, one text has one line. */
static void add_quoted(text *t, const char *key, const char *value)
{
    ggdm_json j;
    char *quoted = NULL;
    ggdm_json_init(&j, false);
    ggdm_json_put_string(&j, NULL, value);
    if (t->st == GGDM_OK)
        t->st = ggdm_json_finish(&j, &quoted, NULL, t->err);
    else
        ggdm_json_deinit(&j);
    add_line(t, key, quoted ? quoted : "");
    free(quoted);
}

static void add_number(text *t, const char *key, double v)
{
    char number[GGDM_NUMBER_SIZE];
    ggdm_number_text(v, number);
    add_line(t, key, number);
}

static void add_group(text *t, const ggdm_axis_group *group)
{
    char number[GGDM_NUMBER_SIZE];
    add(t, "axes");
    for (int axis = 0; axis < GGDM_N_AXES; axis++)
        if (group->values[axis]) {
            add(t, " ");
            add(t, ggdm_axis_names[axis]);
        }
    add(t, ":");
    for (size_t i = 0; i < group->count; i++)
        for (int axis = 0, first = 1; axis < GGDM_N_AXES; axis++)
            if (group->values[axis]) {
                ggdm_number_text(group->values[axis][i], number);
                add(t, first ? " " : "/");
                add(t, number);
                first = 0;
            }
    add(t, "\n");
}

ggdm_status ggdm_sweep_canonical(const ggdm_sweep *s, char **out, ggdm_error *err)
{
    text t = {.err = err};
    bool swept[GGDM_N_AXES] = {false};
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->job.seed);
    add_line(&t, "ggdm sweep", "1");
    add_quoted(&t, "name", s->name);
    add_quoted(&t, "model", s->model);
    add_line(&t, "sampler", "ddpm");
    add_number(&t, "steps", s->job.steps);
    add_line(&t, "variance", ggdm_variance_names[s->job.variance]);
    add_line(&t, "clip_x0", s->job.clip_x0 ? "true" : "false");
    add_quoted(&t, "guide", s->guide);
    if (s->guide) {
        add_line(&t, "gradient", ggdm_gradient_names[s->job.gradient]);
        add_line(&t, "form", ggdm_loss_form_names[s->job.form]);
    }
    for (int i = 0; i < s->n_groups; i++)
        for (int axis = 0; axis < GGDM_N_AXES; axis++)
            swept[axis] |= s->groups[i].values[axis] != NULL;
    /* A start of 0 is not written: the texts are those of the time before windows. */
    for (int axis = 0; axis < GGDM_N_AXES; axis++)
        if (!swept[axis] && (axis != GGDM_AXIS_START || s->fixed[axis] != 0))
            add_number(&t, ggdm_axis_names[axis], s->fixed[axis]);
    for (int i = 0; i < s->n_groups; i++)
        add_group(&t, &s->groups[i]);
    add_number(&t, "samples", s->samples);
    add_line(&t, "seed", seed);
    add_quoted(&t, "judge", s->judge);
    add_line(&t, "precision", ggdm_precision_names[s->job.precision]);
    if (t.st != GGDM_OK)
        free(t.data);
    *out = t.st == GGDM_OK ? t.data : NULL;
    return t.st;
}

ggdm_status ggdm_sweep_digest(const ggdm_sweep *sweep, uint8_t digest[GGDM_HASH_SIZE],
                              ggdm_error *err)
{
    char *canonical;
    GGDM_TRY(ggdm_sweep_canonical(sweep, &canonical, err));
    ggdm_hash_buffer(canonical, strlen(canonical), digest);
    free(canonical);
    return GGDM_OK;
}

ggdm_status ggdm_sweep_same(const ggdm_sweep *run, const ggdm_sweep *sweep, ggdm_error *err)
{
    char *a = NULL, *b = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_sweep_canonical(run, &a, err), done);
    GGDM_TRY_GOTO(st, ggdm_sweep_canonical(sweep, &b, err), done);
    const char *p = a, *q = b; /* both at the start of a line, which never is empty */
    size_t n = strcspn(p, "\n"), m = strcspn(q, "\n");
    while (n && n == m && memcmp(p, q, n) == 0) {
        p += n + 1;
        q += m + 1;
        n = strcspn(p, "\n");
        m = strcspn(q, "\n");
    }
    if (n || m)
        st = GGDM_FAIL(err, GGDM_ESTATE, "it has '%.*s', this one '%.*s'", n > 200 ? 200 : (int)n,
                       p, m > 200 ? 200 : (int)m, q);

done:
    free(a);
    free(b);
    return st;
}
