/* Diffusion models in a program: what they are given, and what is made of what they give. */
#include "models/nn/ops.h"
#include "worker/emit_inputs.h"
#include "worker/kinds.h"
#include "worker/prediction.h"

/* What a network takes, or what the sweep gives. */
typedef struct wants {
    bool label, prompt;
} wants;

static wants wanted_by(const ggdm_arch_info *info)
{
    return (wants){ggdm_arch_has_port(info, "label"), ggdm_arch_has_port(info, "context")};
}

static wants given_by(const ggdm_item *condition)
{
    return (wants){condition && ggdm_item_value(condition, "label")->set,
                   condition && ggdm_item_value(condition, "prompt")->set};
}

/* What it takes where something else is given. */
static const char *name_of(wants takes, wants given)
{
    return takes.label    ? "a label"
           : takes.prompt ? "a prompt"
           : given.label  ? "no label"
                          : "no prompt";
}

/* Is the encoder of prompts one whose texts the network can look at? */
static void check_encoder(ggdm_emit *e, const ggdm_item *condition, const ggdm_model *model)
{
    const char *digest = ggdm_item_text(condition, "encoder");
    const ggdm_model *encoder = digest ? ggdm_models_find(e->models, digest) : NULL;
    if (encoder && encoder->info.sequence_size != model->info.context_size)
        ggdm_emit_fail_at(e, GGDM_ESHAPE, condition, "encoder",
                          "encoder '%s' gives %d channels, expected %d as model '%s' takes them",
                          ggdm_models_name(e->models, encoder), encoder->info.sequence_size,
                          model->info.context_size, ggdm_models_name(e->models, model));
}

/* What the sweep gives and the network takes must be the same. */
static void check_condition(ggdm_emit *e, const ggdm_item *item, const char *key,
                            const ggdm_model *model)
{
    const ggdm_item *condition = ggdm_item_child(e->head, "condition");
    const char *name = ggdm_models_name(e->models, model);
    const wants takes = wanted_by(&model->info), has = given_by(condition);
    const bool same = takes.label == has.label && takes.prompt == has.prompt;
    if (item != e->head && !same)
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key,
                          "model '%s' takes %s, expected one that takes what the diffusion model "
                          "takes",
                          name, name_of(takes, has));
    else if (has.label && !takes.label)
        ggdm_emit_fail_at(e, GGDM_EINVAL, condition, "label",
                          "model '%s' takes no label, expected %s", name,
                          takes.prompt ? "condition: {prompt: ...}" : "no condition");
    else if (has.prompt && !takes.prompt)
        ggdm_emit_fail_at(e, GGDM_EINVAL, condition, "prompt",
                          "model '%s' takes no prompt, expected %s", name,
                          takes.label ? "condition: {label: ...}" : "no condition");
    else if (!same)
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key,
                          takes.label ? "model '%s' wants a label, expected condition: {label: ...}"
                                      : "model '%s' wants a prompt, expected condition: {prompt: "
                                        "...}, \"\" for none",
                          name);
    else if (takes.prompt)
        check_encoder(e, condition, model);
}

/* Is the model a diffusion model of the head's images, given what it wants? */
static void check_network(ggdm_emit *e, const ggdm_item *item, const char *key,
                          const ggdm_model *model, ggdm_given given)
{
    const ggdm_arch_info *info = &model->info;
    const char *name = ggdm_models_name(e->models, model);
    const wants takes = wanted_by(info);
    if (!ggdm_arch_has_port(info, "eps"))
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key,
                          "model '%s' is a %s, expected a diffusion model", name, info->class_name);
    else if (given != GGDM_GIVEN_CONDITION && !takes.label && !takes.prompt)
        ggdm_emit_fail_at(
            e, GGDM_EINVAL, item, key,
            "model '%s' takes no label and no prompt, expected a class-conditional or "
            "text-conditional diffusion model, as eps without a condition and with it "
            "is asked for",
            name);
    check_condition(e, item, key, model);
    if (given != GGDM_GIVEN_CONDITION && takes.label && info->null_label < 0)
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key,
                          "model '%s' has no label of no class, expected one that was trained with "
                          "label_dropout",
                          name);
}

/* Labels of the images, of no class, or both in pairs. */
static ggdm_val labels(ggdm_emit *e, const ggdm_item *condition, const ggdm_model *model,
                       ggdm_given given)
{
    if (given == GGDM_GIVEN_NONE)
        return ggdm_emit_constant(e, true, (float)model->info.null_label);
    ggdm_port port = {.source = ggdm_item_value(condition, "label"),
                      .is_class = true,
                      .copies = given == GGDM_GIVEN_BOTH ? 2 : 1,
                      .paired = given == GGDM_GIVEN_BOTH,
                      .other = model->info.null_label};
    return ggdm_emit_port(e, condition, "label", port);
}

/* The same of prompts: without one is the negative prompt or, where there is none, the empty one.
 */
static ggdm_val context(ggdm_emit *e, const ggdm_item *condition, ggdm_given given)
{
    static const char *const keys[] = {"prompt", "negative_prompt"};
    return ggdm_emit_sequences(e, condition, "encoder", given == GGDM_GIVEN_NONE ? keys + 1 : keys,
                               given == GGDM_GIVEN_BOTH ? 2 : 1);
}

ggdm_val ggdm_emit_network(ggdm_emit *e, const ggdm_item *item, const char *key, ggdm_given given)
{
    const ggdm_item *condition = ggdm_item_child(e->head, "condition");
    const ggdm_model *model = ggdm_emit_model(e, item, key);
    if (model)
        check_network(e, item, key, model, given);
    if (e->status != GGDM_OK)
        return -1;
    const bool both = given == GGDM_GIVEN_BOTH;
    ggdm_ports ports = GGDM_NO_PORTS;
    if (wanted_by(&model->info).label)
        ports.label = labels(e, condition, model, given);
    if (wanted_by(&model->info).prompt)
        ports.context = context(e, condition, given);
    ports.x = both ? ggdm_repeat(e->graph, e->x, 2) : e->x;
    ports.t = both ? ggdm_repeat(e->graph, e->t, 2) : e->t;
    e->copies = both ? 2 : 1;
    e->evaluations += e->copies;
    ggdm_val eps = ggdm_emit_prediction(e, model->prediction, ports.x,
                                        ggdm_arch_emit(model->arch, e->graph, &ports));
    e->copies = 1;
    if (item == e->head && given != GGDM_GIVEN_NONE)
        e->variance = both && ports.variance >= 0 ? ggdm_split(e->graph, ports.variance, 2, 0)
                                                  : ports.variance;
    return eps;
}

void ggdm_emit_eps(ggdm_emit *e, const ggdm_item *source)
{
    e->eps = source ? ((const ggdm_source_kind *)source->kind)->emit(e, source)
                    : ggdm_emit_network(e, e->head, "model", GGDM_GIVEN_CONDITION);
    e->x0 = e->x0_first = ggdm_lincomb(e->graph, e->x, e->eps, e->x0_x, e->x0_eps);
}
