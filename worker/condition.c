/* What the diffusion model itself is given (worker/emit.c hands it to its ports). */
#include "worker/kinds.h"

static const ggdm_param rows[] = {
    {.key = "label",
     .type = GGDM_PARAM_CLASS,
     .of = "model",
     .help = "The class that a class-conditional diffusion model draws."},
    {.key = "prompt",
     .type = GGDM_PARAM_TEXT,
     .of = "encoder",
     .help = "What a text-conditional diffusion model draws."},
    {.key = "negative_prompt",
     .type = GGDM_PARAM_TEXT,
     .of = "encoder",
     .help = "What classifier-free guidance leads away from, instead of the empty prompt."},
    {.key = "encoder",
     .type = GGDM_PARAM_MODEL,
     .structure = true,
     .port = "sequence",
     .takes = "text",
     .help = "The network that reads prompts; the diffusion model's own, in its text_encoder/, if "
             "absent."},
    GGDM_PROMPT_TRUNCATE,
};

static ggdm_status condition_check(const ggdm_item *condition, ggdm_error *err)
{
    static const char *const of_prompt[] = {"negative_prompt", "encoder", "truncate"};
    const bool prompt = ggdm_item_value(condition, "prompt")->set;
    const bool label = ggdm_item_value(condition, "label")->set;
    if (prompt && label)
        return ggdm_item_fail(condition, "prompt", err,
                              "a prompt and a label, expected one of them: a diffusion model takes "
                              "either");
    for (int i = 0; i < 3 && !prompt; i++)
        if (ggdm_item_value(condition, of_prompt[i])->set)
            return ggdm_item_fail(condition, of_prompt[i], err,
                                  "there is no prompt that it belongs to, expected `prompt` beside "
                                  "it or as an axis of the sweep");
    if (!prompt && !label)
        return ggdm_item_fail(condition, NULL, err,
                              "required field 'label' or 'prompt' is missing, expected one of them "
                              "here or as an axis of the sweep");
    return GGDM_OK;
}

const ggdm_kind ggdm_kind_condition = {.family = GGDM_FAMILY_CONDITION,
                                       .name = "given",
                                       .implied = true,
                                       .help = "Inputs of the diffusion model.",
                                       GGDM_PARAMS(rows),
                                       .check = condition_check};
