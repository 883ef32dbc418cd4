#include "tests/support/toy_catalogue.h"

#include <math.h>
#include <string.h>

#include "common/intern.h"

#define MAX_WEIGHT 1e9 /* as the rows have it */

/* ---- rows ---------------------------------------------------------------------------------- */

static const char *const modes[] = {"slow", "quick", NULL};

static const ggdm_param sampler_rows[] = {{.key = "steps",
                                           .type = GGDM_PARAM_WHOLE,
                                           .structure = true,
                                           .lo = 1,
                                           .hi = 100000,
                                           .fallback = GGDM_WHOLE(100),
                                           .help = "Steps of the chain."},
                                          {.key = "eta",
                                           .type = GGDM_PARAM_REAL,
                                           .structure = true,
                                           .lo = 0,
                                           .hi = 1,
                                           .fallback = GGDM_REAL(1),
                                           .label = "\u03b7",
                                           .help = "Noise."},
                                          {.key = "mode",
                                           .type = GGDM_PARAM_CHOICE,
                                           .structure = true,
                                           .choices = modes,
                                           .fallback = GGDM_WHOLE(0),
                                           .help = "Slow or quick."},
                                          {.key = "clip",
                                           .type = GGDM_PARAM_FLAG,
                                           .structure = true,
                                           .fallback = GGDM_WHOLE(0),
                                           .help = "Whether to clip."}};

static const ggdm_param condition_rows[] = {
    {.key = "label", .type = GGDM_PARAM_CLASS, .of = "model", .help = "Class."},
    {.key = "prompt", .type = GGDM_PARAM_TEXT, .help = "Text."},
    {.key = "adapter",
     .type = GGDM_PARAM_MODEL,
     .structure = true,
     .port = "text",
     .help = "A model that need not be there."}};

static const ggdm_param parts_rows[] = {{.key = "parts",
                                         .type = GGDM_PARAM_NODES,
                                         .required = true,
                                         .family = "part",
                                         .lo = 1,
                                         .hi = 8,
                                         .help = "Parts."}};

static const ggdm_param part_rows[] = {
    {.key = "goal", .type = GGDM_PARAM_NODE, .required = true, .family = "goal", .help = "Goal."},
    {.key = "weight",
     .type = GGDM_PARAM_REAL,
     .lo = -1e9,
     .hi = 1e9,
     .fallback = GGDM_REAL(1),
     .neutral = GGDM_REAL(0),
     .help = "Factor."},
    {.key = "window", .type = GGDM_PARAM_WINDOW, .help = "When."}};

static const ggdm_param push_rows[] = {
    {.key = "goal", .type = GGDM_PARAM_NODE, .required = true, .family = "goal", .help = "Goal."},
    {.key = "force",
     .label = "F",
     .type = GGDM_PARAM_REAL,
     .required = true,
     .lo = 0,
     .hi = __builtin_inf(),
     .help = "How strongly."},
    {.key = "span", .type = GGDM_PARAM_WINDOW, .help = "When."}};

static const ggdm_param class_rows[] = {
    {.key = "weight",
     .type = GGDM_PARAM_REAL,
     .lo = -1e9,
     .hi = 1e9,
     .fallback = GGDM_REAL(1),
     .neutral = GGDM_REAL(0),
     .help = "Factor."},
    {.key = "model",
     .type = GGDM_PARAM_MODEL,
     .required = true,
     .structure = true,
     .port = "logits",
     .help = "Classifier."},
    {.key = "target", .type = GGDM_PARAM_CLASS, .of = "model", .required = true, .help = "Class."}};

static const ggdm_param picture_rows[] = {
    {.key = "weight",
     .type = GGDM_PARAM_REAL,
     .lo = -1e9,
     .hi = 1e9,
     .fallback = GGDM_REAL(1),
     .neutral = GGDM_REAL(0),
     .help = "Factor."},
    {.key = "file", .type = GGDM_PARAM_FILE, .required = true, .help = "A picture."}};

static const ggdm_param all_rows[] = {{.key = "weight",
                                       .type = GGDM_PARAM_REAL,
                                       .lo = -1e9,
                                       .hi = 1e9,
                                       .fallback = GGDM_REAL(1),
                                       .neutral = GGDM_REAL(0),
                                       .help = "Factor."},
                                      {.key = "of",
                                       .type = GGDM_PARAM_NODES,
                                       .required = true,
                                       .family = "goal",
                                       .lo = 1,
                                       .hi = 8,
                                       .help = "Members."}};

static const ggdm_param probe_rows[] = {{.key = "model",
                                         .type = GGDM_PARAM_MODEL,
                                         .required = true,
                                         .structure = true,
                                         .port = "logits",
                                         .help = "Classifier."}};

static const ggdm_param distance_rows[] = {{.key = "of",
                                            .type = GGDM_PARAM_NODE,
                                            .required = true,
                                            .family = "goal",
                                            .help = "What is measured."}};

/* ---- kinds --------------------------------------------------------------------------------- */

static ggdm_status expand_push(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *push,
                               ggdm_item **out, ggdm_error *err)
{
    ggdm_item *part = NULL;
    GGDM_TRY(ggdm_item_create(arena, ggdm_catalogue_find(c, "guidance", "parts"), out, err));
    GGDM_TRY(ggdm_item_create(arena, ggdm_catalogue_find(c, "part", NULL), &part, err));
    part->name = "push";
    ggdm_item_set_child(part, "goal", ggdm_item_child(push, "goal"));
    ggdm_item_set(part, "weight", (ggdm_scalar){.real = ggdm_item_real(push, "force")});
    *ggdm_item_value(part, "window") = *ggdm_item_value(push, "span");
    ggdm_item_set_child(*out, "parts", part);
    return GGDM_OK;
}

/* One member is the whole, with both weights, if a weight can be so large. */
static ggdm_item *reduce_all(ggdm_arena *arena, ggdm_item *all)
{
    ggdm_item *first = ggdm_item_child(all, "of");
    (void)arena;
    if (first->next || !ggdm_item_value(first, "weight"))
        return all;
    const double weight = ggdm_item_real(all, "weight") * ggdm_item_real(first, "weight");
    if (fabs(weight) > MAX_WEIGHT)
        return all;
    ggdm_item_set(first, "weight", (ggdm_scalar){.real = weight});
    return first;
}

/* What no row says. */
static ggdm_status check_walk(const ggdm_item *walk, ggdm_error *err)
{
    if (ggdm_item_whole(walk, "steps") == 13 && ggdm_item_flag(walk, "clip"))
        return ggdm_item_fail(walk, "steps", err, "value '13', expected no 13 with clip");
    return GGDM_OK;
}

#define KIND(family_, name_) .family = family_, .name = name_, .help = "A toy."

static const ggdm_kind sampler = {KIND("sampler", "walk"), .standard = true, .check = check_walk,
                                  GGDM_PARAMS(sampler_rows)};
static const ggdm_kind condition = {KIND("condition", "given"), .implied = true,
                                    GGDM_PARAMS(condition_rows)};
static const ggdm_kind parts = {KIND("guidance", "parts"), .implied = true,
                                GGDM_PARAMS(parts_rows)};
static const ggdm_kind push = {KIND("guidance", "push"), .expand = expand_push,
                               GGDM_PARAMS(push_rows)};
static const ggdm_kind part = {KIND("part", "part"), .implied = true, GGDM_PARAMS(part_rows)};
static const ggdm_kind class = {KIND("goal", "class"), .scorer = "probe", .measure = "guide",
                                GGDM_PARAMS(class_rows)};
static const ggdm_kind picture = {KIND("goal", "picture"), .scorer = "distance",
                                  GGDM_PARAMS(picture_rows), .revision = 2};
static const ggdm_kind all = {KIND("goal", "all"), .reduce = reduce_all, GGDM_PARAMS(all_rows)};
static const ggdm_kind any = {KIND("goal", "any"), GGDM_PARAMS(all_rows)};
static const ggdm_kind probe = {KIND("scorer", "probe"), .implied = true,
                                .output = GGDM_OUTPUT_CLASSES, GGDM_PARAMS(probe_rows)};
static const ggdm_kind distance = {KIND("scorer", "distance"), GGDM_PARAMS(distance_rows)};
static const ggdm_kind size = {KIND("scorer", "size"), .always = true};

static const ggdm_kind *const kinds[] = {
    &ggdm_kind_stage, &sampler, &condition, &parts, &push,     &part, &class,
    &picture,         &all,     &any,       &probe, &distance, &size};

const ggdm_catalogue ggdm_toy_catalogue = {kinds, sizeof kinds / sizeof *kinds};

/* ---- names --------------------------------------------------------------------------------- */

/* The digests that were given out: they must last. */
static ggdm_intern digests;

static ggdm_status digest_name(const char *name, const char **out, ggdm_error *err)
{
    uint8_t digest[GGDM_HASH_SIZE];
    char text[GGDM_HASH_TEXT_SIZE];
    int32_t number = 0;
    if (strcmp(name, "missing") == 0)
        return GGDM_FAIL(err, GGDM_EINVAL, "'%s' is not there", name);
    ggdm_hash_buffer(name, strlen(name), digest);
    ggdm_hash_hex(digest, text);
    GGDM_TRY(ggdm_intern_text(&digests, text, &number, err));
    *out = digests.texts[number];
    return GGDM_OK;
}

static ggdm_status toy_model(void *context, const ggdm_param *row, const char *name,
                             const char **digest, int32_t *classes, ggdm_error *err)
{
    (void)context, (void)row;
    *classes = 10;
    return digest_name(name, digest, err);
}

static ggdm_status toy_file(void *context, const ggdm_param *row, const char *path,
                            const char **digest, ggdm_error *err)
{
    (void)context, (void)row;
    return digest_name(path, digest, err);
}

ggdm_resolver ggdm_toy_resolver(void)
{
    return (ggdm_resolver){
        .model = toy_model, .file = toy_file, .precision = GGDM_PRECISION_FP32, .isa = "avx512"};
}
