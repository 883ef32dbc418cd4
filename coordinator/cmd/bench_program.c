#include "coordinator/cmd/bench_program.h"

#include "worker/kinds.h"

/* Models go by digests; these need only differ. */
#define DIFFUSION "0000000000000000000000000000000000000000000000000000000000000000"
#define GUIDE "1111111111111111111111111111111111111111111111111111111111111111"

static const char head_text[] = "{\"model\":\"" DIFFUSION "\",\"sampler\":{\"kind\":\"ddpm\"}}";
#define TERM(kind, aim)                                                                            \
    "{\"terms\":[{\"loss\":{\"kind\":\"" kind "\",\"model\":\"" GUIDE "\"," aim "}}]}"
static const char by_class[] = TERM("classifier", "\"target\":0");
static const char by_prompt[] = TERM("clip", "\"prompt\":\"a face\"");

/* guided: the text of what guides; NULL: nothing. */
static ggdm_status intern_programs(ggdm_bench_programs *b, const char *guided, ggdm_error *err)
{
    ggdm_arena arena = {0};
    ggdm_item *head = NULL, *setting = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(
        st, ggdm_recipe_parse(&ggdm_methods, &arena, GGDM_FAMILY_STAGE, head_text, &head, err),
        done);
    GGDM_TRY_GOTO(st, ggdm_programs_tick(b->programs, head, NULL, &b->plain, err), done);
    if (!guided)
        goto done;
    GGDM_TRY_GOTO(
        st, ggdm_recipe_parse(&ggdm_methods, &arena, GGDM_FAMILY_GUIDANCE, guided, &setting, err),
        done);
    st = ggdm_programs_tick(b->programs, head, setting, &b->guided, err);
done:
    ggdm_arena_deinit(&arena);
    return st;
}

ggdm_status ggdm_bench_programs_init(ggdm_bench_programs *b, const ggdm_model *diffusion,
                                     const ggdm_model *guide, ggdm_precision precision,
                                     int32_t batch, ggdm_error *err)
{
    *b = (ggdm_bench_programs){.refs = {{DIFFUSION, diffusion}, {GUIDE, guide}}, .guided = -1};
    b->models = (ggdm_models){.items = b->refs, .n = guide ? 2 : 1};
    GGDM_TRY(ggdm_programs_create(&ggdm_methods, &b->models, precision, batch, &b->programs, err));
    const char *guided = guide && guide->info.two_towers ? by_prompt : by_class;
    return intern_programs(b, guide ? guided : NULL, err);
}

void ggdm_bench_programs_deinit(ggdm_bench_programs *b)
{
    ggdm_programs_destroy(&b->programs);
}
