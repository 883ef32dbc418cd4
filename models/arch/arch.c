#include "models/arch/arch.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fields_write.h"
#include "common/json.h"
#include "common/mem.h"
#include "models/arch/arch_kind.h"
#include "models/nn/ops.h"

enum { MAX_CONFIG = 1 << 20 }; /* bytes; a config.json has a few thousand */

struct ggdm_arch {
    const ggdm_arch_kind *kind;
    ggdm_arch_info info;
    void *config; /* kind->config_size bytes */
    char *text;
};

static const ggdm_arch_kind *const kinds[] = {&ggdm_arch_unet2d,
                                              &ggdm_arch_unet2d_condition,
                                              &ggdm_arch_cnn,
                                              &ggdm_arch_sequential,
                                              &ggdm_arch_mixture,
                                              &ggdm_arch_mixture_classifier,
                                              &ggdm_arch_inception,
                                              &ggdm_arch_clip,
                                              &ggdm_arch_clip_text,
                                              &ggdm_arch_clip_text_projected,
                                              &ggdm_arch_clip_vision,
                                              &ggdm_arch_adm,
                                              &ggdm_arch_adm_classifier,
                                              &ggdm_arch_ggdm_unet};

enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

/* diffusers says what class a network is of, transformers lists it; NULL where neither is there. */
static const ggdm_node *class_of(const ggdm_node *root)
{
    const ggdm_node *name = ggdm_node_get(root, "_class_name");
    const ggdm_node *list = ggdm_node_get(root, "architectures");
    return name ? name : list && list->kind == GGDM_NODE_LIST ? list->first : list;
}

static ggdm_status find_kind(const ggdm_node *root, const ggdm_arch_kind **out, ggdm_error *err)
{
    char known[800] = "";
    const char *name = NULL;
    if (root->kind != GGDM_NODE_MAP)
        return ggdm_node_expected(root, err, "an object (config.json of a model)");
    for (size_t i = 0; i < N_KINDS; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s'%s'", i ? " or " : "",
                 kinds[i]->class_name);
    }
    const ggdm_node *node = class_of(root);
    if (!node)
        return ggdm_node_fail(
            root, err, "field '_class_name' is missing ('architectures', too), expected %s", known);
    GGDM_TRY(ggdm_node_string(node, &name, err));
    for (size_t i = 0; i < N_KINDS; i++) {
        if (strcmp(kinds[i]->class_name, name) == 0) {
            *out = kinds[i];
            return GGDM_OK;
        }
    }
    return ggdm_node_expected(node, err, "%s", known);
}

/* The document into config, info and text. */
static ggdm_status read(ggdm_arch *arch, const ggdm_node *root, ggdm_error *err)
{
    const ggdm_arch_kind *kind = arch->kind;
    ggdm_json text;
    void *raw = NULL;
    ggdm_status st;
    ggdm_json_init(&text, GGDM_JSON_LINE);
    ggdm_json_begin_object(&text, NULL);
    ggdm_json_put_string(&text, "_class_name", kind->class_name);
    GGDM_TRY_GOTO(st, ggdm_alloc(&raw, 1, kind->raw_size, err), done);
    memcpy(raw, kind->defaults, kind->raw_size);
    GGDM_TRY_GOTO(st, ggdm_fields_read(root, kind->fields, kind->ignored, raw, err), release);
    GGDM_TRY_GOTO(st, kind->fill(root, raw, arch->config, &arch->info, &text, err), release);
    ggdm_fields_write(&text, kind->fields, raw, kind->defaults);
    ggdm_json_end(&text);
    st = ggdm_json_finish(&text, &arch->text, NULL, err);
release:
    ggdm_fields_release(kind->fields, raw);
done:
    free(raw);
    ggdm_json_deinit(&text);
    return st;
}

ggdm_status ggdm_arch_parse(const char *json, size_t size, const char *where, ggdm_arch **out,
                            ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    ggdm_doc *doc = NULL;
    ggdm_arch *arch = NULL;
    *out = NULL;
    GGDM_TRY_GOTO(st, ggdm_json_parse(json, size, MAX_CONFIG, where, &doc, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&arch, 1, sizeof *arch, err), done);
    GGDM_TRY_GOTO(st, find_kind(doc->root, &arch->kind, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&arch->config, 1, arch->kind->config_size, err), done);
    arch->info.class_name = arch->kind->class_name;
    arch->info.weights_file = arch->kind->weights_file;
    arch->info.role = arch->kind->role;
    arch->info.ports = arch->kind->ports;
    arch->info.null_label = -1;
    arch->info.by_schedule = arch->kind->schedule != NULL;
    GGDM_TRY_GOTO(st, read(arch, doc->root, err), done);
    *out = arch;
    arch = NULL;
done:
    ggdm_arch_destroy(&arch);
    ggdm_doc_destroy(&doc);
    return st;
}

void ggdm_arch_destroy(ggdm_arch **arch)
{
    if (!*arch)
        return;
    if ((*arch)->config && (*arch)->kind->release)
        (*arch)->kind->release((*arch)->config);
    free((*arch)->config);
    free((*arch)->text);
    free(*arch);
    *arch = NULL;
}

ggdm_arch_info ggdm_arch_get_info(const ggdm_arch *arch)
{
    return arch->info;
}

const char *ggdm_arch_text(const ggdm_arch *arch)
{
    return arch->text;
}

ggdm_status ggdm_arch_set_schedule(ggdm_arch *arch, const double *alpha_bar, int32_t n,
                                   ggdm_error *err)
{
    return arch->kind->schedule ? arch->kind->schedule(arch->config, alpha_bar, n, err) : GGDM_OK;
}

void ggdm_arch_set_normal(ggdm_arch *arch, const ggdm_normal *normal)
{
    arch->info.normal = *normal;
}

/* ---- ports ---- */

static const struct {
    const char *name;
    unsigned bit;
    size_t offset;
} ports[] = {
    {"x", GGDM_PORT_X, offsetof(ggdm_ports, x)},
    {"t", GGDM_PORT_T, offsetof(ggdm_ports, t)},
    {"label", GGDM_PORT_LABEL, offsetof(ggdm_ports, label)},
    {"text", GGDM_PORT_TEXT, offsetof(ggdm_ports, text)},
    {"context", GGDM_PORT_CONTEXT, offsetof(ggdm_ports, context)},
    {"eps", GGDM_PORT_EPS, offsetof(ggdm_ports, eps)},
    {"variance", GGDM_PORT_VARIANCE, offsetof(ggdm_ports, variance)},
    {"logits", GGDM_PORT_LOGITS, offsetof(ggdm_ports, logits)},
    {"embedding", GGDM_PORT_EMBEDDING, offsetof(ggdm_ports, embedding)},
    {"features", GGDM_PORT_FEATURES, offsetof(ggdm_ports, features)},
    {"sequence", GGDM_PORT_SEQUENCE, offsetof(ggdm_ports, sequence)},
    {"scale", GGDM_PORT_SCALE, offsetof(ggdm_ports, scale)},
};

enum { N_PORTS = sizeof ports / sizeof ports[0] };

static ggdm_val port_value(const ggdm_ports *p, size_t i)
{
    return *(const ggdm_val *)((const char *)p + ports[i].offset);
}

bool ggdm_arch_has_port(const ggdm_arch_info *info, const char *name)
{
    for (size_t i = 0; i < N_PORTS; i++)
        if (strcmp(ports[i].name, name) == 0)
            return info->ports & ports[i].bit;
    return false;
}

bool ggdm_arch_has_layer(const ggdm_arch *arch, const char *name)
{
    return arch->kind->has_layer && arch->kind->has_layer(arch->config, name);
}

const char *ggdm_arch_port_names(unsigned of, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < N_PORTS && used < size; i++)
        if (of & ports[i].bit)
            used +=
                (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", ports[i].name);
    return text;
}

ggdm_ports ggdm_arch_inputs(const ggdm_arch *arch, ggdm_graph *g, int64_t n)
{
    return ggdm_arch_inputs_of(arch, g, n, GGDM_ARCH_CONTEXT);
}

ggdm_ports ggdm_arch_inputs_of(const ggdm_arch *arch, ggdm_graph *g, int64_t n, int64_t positions)
{
    const ggdm_arch_info *info = &arch->info;
    ggdm_ports p = GGDM_NO_PORTS;
    if (info->ports & GGDM_PORT_X)
        p.x = ggdm_graph_input(g, "x", GGDM_F32,
                               GGDM_SHAPE4(n, info->size, info->size, info->channels));
    if (info->ports & GGDM_PORT_T)
        p.t = ggdm_graph_input(g, "t", GGDM_F32, GGDM_SHAPE1(n));
    if (info->ports & GGDM_PORT_LABEL)
        p.label = ggdm_graph_input(g, "label", GGDM_I32, GGDM_SHAPE1(n));
    if (info->ports & GGDM_PORT_TEXT)
        p.text = ggdm_graph_input(g, "text", GGDM_I32, GGDM_SHAPE2(n, info->context_length));
    if (info->ports & GGDM_PORT_CONTEXT)
        p.context =
            ggdm_graph_input(g, "context", GGDM_F32, GGDM_SHAPE3(n, positions, info->context_size));
    return p;
}

/* What must have a value: of two towers, what the one takes that is given anything. */
static unsigned wanted(const ggdm_arch_info *info, const ggdm_ports *p)
{
    unsigned all = info->ports & GGDM_PORTS_IN;
    if (info->two_towers && p->text < 0)
        all &= ~(unsigned)GGDM_PORT_TEXT;
    else if (info->two_towers && p->x < 0 && p->t < 0)
        all &= GGDM_PORT_TEXT;
    return all;
}

/* x in [-1, 1] units as a network looks at it. */
static ggdm_val normalise(const ggdm_normal *normal, ggdm_graph *g, ggdm_val x)
{
    double scale[GGDM_NORMAL_CHANNELS], shift[GGDM_NORMAL_CHANNELS];
    for (int c = 0; c < normal->n; c++) {
        scale[c] = 0.5 / normal->std[c];
        shift[c] = (0.5 - normal->mean[c]) / normal->std[c];
    }
    return normal->n && x >= 0 ? ggdm_channel_affine(g, x, scale, shift) : x;
}

ggdm_val ggdm_arch_emit(const ggdm_arch *arch, ggdm_graph *g, ggdm_ports *p)
{
    const ggdm_arch_info *info = &arch->info;
    const unsigned takes = wanted(info, p);
    for (size_t i = 0; i < N_PORTS; i++) {
        if (!(ports[i].bit & GGDM_PORTS_IN))
            continue;
        const bool given = port_value(p, i) >= 0;
        if (takes & ports[i].bit && !given)
            return ggdm_graph_fail(g, GGDM_EINVAL, "%s: port '%s' has no value, expected one%s",
                                   info->class_name, ports[i].name,
                                   info->two_towers ? ", or one of 'text'" : "");
        if (given && !(takes & ports[i].bit))
            return ggdm_graph_fail(g, GGDM_EINVAL, "%s: there is no port '%s'", info->class_name,
                                   ports[i].name);
    }
    const ggdm_val x = p->x;
    p->x = normalise(&info->normal, g, x);
    arch->kind->emit(arch->config, g, p);
    p->x = x;
    for (size_t i = 0; i < N_PORTS; i++)
        if (info->ports & ports[i].bit & ~GGDM_PORTS_IN)
            return port_value(p, i);
    return -1;
}

/* Old spellings of parts of a diffusers name, replaced where a whole run of components matches. */
static const struct {
    const char *after; /* the component in front of the number in front of old */
    const char *old, *canonical;
} renames[] = {
    {".attentions.", ".query.", ".to_q."}, {".attentions.", ".key.", ".to_k."},
    {".attentions.", ".value.", ".to_v."}, {".attentions.", ".proj_attn.", ".to_out.0."},
    {".downsamplers.", ".op.", ".conv."},
};

const char *ggdm_arch_canonical_name(const char *file_name, char *buf, size_t size)
{
    for (size_t i = 0; i < sizeof renames / sizeof renames[0]; i++) {
        const char *base = strstr(file_name, renames[i].after);
        if (!base)
            continue;
        const char *number = base + strlen(renames[i].after);
        const char *old = number + strspn(number, "0123456789");
        size_t n = strlen(renames[i].old);
        if (old == number || strncmp(old, renames[i].old, n) != 0)
            continue;
        int made = snprintf(buf, size, "%.*s%s%s", (int)(old - file_name), file_name,
                            renames[i].canonical, old + n);
        return made >= 0 && (size_t)made < size ? buf : file_name;
    }
    return file_name;
}
