/* `until:`: when the sweep is done (docs/decisions/020-until.md). */
#include "jobs/spec_internal.h"

#define MAX_RACE 10000 /* cells: each is compared with each */
#define BLOCK 25       /* images, the default */
#define LEVEL 0.05     /* the default */

#define AT(member) offsetof(given, member)

/* As it stands in the file. */
typedef struct given {
    char *measure;
    ggdm_until rule;
} given;

static const ggdm_field table[] = {
    {.key = "measure", .type = GGDM_FIELD_STRING, .offset = AT(measure)},
    {.key = "halfwidth",
     .type = GGDM_FIELD_DOUBLE,
     .offset = AT(rule.halfwidth),
     .lo = 0.001,
     .hi = 0.5,
     .expected = "a half width of the interval of a share, from 0.001 to 0.5 (0.03: 3 points)"},
    {.key = "best",
     .type = GGDM_FIELD_DOUBLE,
     .offset = AT(rule.best),
     .lo = 0.5,
     .hi = 0.9999,
     .expected = "a probability that the best cell is kept, from 0.5 to 0.9999"},
    {.key = "at_most",
     .type = GGDM_FIELD_INT32,
     .offset = AT(rule.at_most),
     .required = true,
     .lo = 1,
     .hi = GGDM_MAX_SAMPLES,
     .expected = "a number of images per cell, from 1 to 100000000"},
    {.key = "block",
     .type = GGDM_FIELD_INT32,
     .offset = AT(rule.block),
     .lo = 1,
     .hi = GGDM_MAX_SAMPLES,
     .expected = "a number of images that each round adds, from 1 to 100000000"},
    {.key = "level",
     .type = GGDM_FIELD_DOUBLE,
     .offset = AT(rule.level),
     .lo = 0.0001,
     .hi = 0.5,
     .expected = "how often an interval may miss, from 0.0001 to 0.5"},
    {.key = NULL}};

static ggdm_status check_rule(const ggdm_spec *s, const ggdm_node *node, const ggdm_until *rule,
                              ggdm_error *err)
{
    if ((rule->halfwidth > 0) == (rule->best > 0))
        return ggdm_node_fail(node, err, "expected either 'halfwidth' or 'best'");
    if (s->class_parameter < 0)
        return ggdm_node_fail(node, err,
                              "the cells aim at no class, expected a target or label, by which "
                              "images are right");
    if (rule->best > 0 && (s->n_cells < 2 || s->n_cells > MAX_RACE))
        return ggdm_node_fail(ggdm_node_get(node, "best"), err,
                              "a race of %lld cell%s, expected from 2 to %d", (long long)s->n_cells,
                              s->n_cells == 1 ? "" : "s", MAX_RACE);
    return GGDM_OK;
}

static ggdm_status read_rule(ggdm_spec *s, const ggdm_node *node, given *in, ggdm_error *err)
{
    GGDM_TRY(ggdm_fields_read(node, table, NULL, in, err));
    GGDM_TRY(check_rule(s, node, &in->rule, err));
    GGDM_TRY(
        ggdm_arena_text(&s->arena, in->measure ? in->measure : "judge", &in->rule.measure, err));
    s->until = in->rule;
    if (s->samples > in->rule.at_most)
        return ggdm_node_fail(ggdm_node_get(node, "at_most"), err,
                              "value '%d', expected at least the %d images of the first round "
                              "('samples')",
                              (int)in->rule.at_most, (int)s->samples);
    if (s->samples == 0)
        s->samples = ggdm_until_next(&s->until, 0);
    return GGDM_OK;
}

ggdm_status ggdm_spec_read_until(ggdm_spec *s, const ggdm_node *node, ggdm_error *err)
{
    given in = {.rule = {.level = LEVEL, .block = BLOCK}};
    if (!node || node->kind == GGDM_NODE_NULL)
        return s->samples
                   ? GGDM_OK
                   : ggdm_node_fail(s->doc->root, err, "required field 'samples' is missing");
    ggdm_status st = read_rule(s, node, &in, err);
    ggdm_fields_release(table, &in);
    return st;
}

void ggdm_spec_write_until(FILE *out, const ggdm_until *rule)
{
    if (rule->at_most == 0)
        return;
    fprintf(out, "until: measure %s, level %.17g, at most %d, block %d, ", rule->measure,
            rule->level, (int)rule->at_most, (int)rule->block);
    if (rule->best > 0)
        fprintf(out, "best %.17g\n", rule->best);
    else
        fprintf(out, "half width %.17g\n", rule->halfwidth);
}
