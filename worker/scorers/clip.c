/* How well a sample fits a prompt: the cosine of both embeddings, of the image as the networks'
 * authors prepare it (Radford et al. 2021): resized by an antialiased bicubic filter. */
#include "models/nn/ops.h"
#include "worker/kinds.h"

static const ggdm_param rows[] = {
    GGDM_PROMPT_MODEL("A network of images and texts."),
    {.key = "prompt",
     .type = GGDM_PARAM_TEXT,
     .filled = true,
     .of = "model",
     .help = "What the image should show; a judge without it judges by the prompt of each cell."},
    GGDM_PROMPT_TRUNCATE,
};

static ggdm_val clip_emit(ggdm_emit *e, const ggdm_item *scorer, ggdm_val x)
{
    const int size = ggdm_emit_image_size(e, scorer, "model");
    if (size == 0 || x < 0)
        return -1;
    const int64_t *d = ggdm_graph_shape(e->graph, x)->d;
    if (d[1] != size || d[2] != size)
        x = ggdm_resample(e->graph, x, size, size, GGDM_RESAMPLE_PIL_HELD);
    ggdm_val image = ggdm_emit_embedding(e, scorer, "model", x, NULL);
    ggdm_val text = ggdm_emit_prompt(e, scorer, "model", "prompt");
    return ggdm_dot(e->graph, ggdm_normalize(e->graph, image), ggdm_normalize(e->graph, text));
}

const ggdm_scorer_kind ggdm_scorer_clip = {
    .kind = {.family = GGDM_FAMILY_SCORER,
             .name = "clip",
             .help = "Similarity of the image to a prompt, from -1 to 1.",
             .equation = "cos(embedding(image), embedding(prompt))",
             GGDM_PARAMS(rows),
             .output = GGDM_OUTPUT_NUMBER},
    .emit = clip_emit};
