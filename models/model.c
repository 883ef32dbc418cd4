#include "models/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "models/io/weights.h"
#include "models/preprocessor_config.h"

/* --- fitting the weights to the architecture --- */

/* Views of n tensors as params, with their names stored in m->names. */
static ggdm_status make_params(ggdm_model *m, const ggdm_st_tensor *tensors, size_t n,
                               ggdm_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += strlen(tensors[i].name) + 17;
    GGDM_TRY(ggdm_alloc(&m->names, bytes, 1, err));
    GGDM_TRY(ggdm_alloc(&m->params.items, n, sizeof *m->params.items, err));
    char *name = m->names;
    for (size_t i = 0; i < n; i++) {
        const ggdm_st_tensor *t = &tensors[i];
        if (ggdm_arch_canonical_name(t->name, name, strlen(t->name) + 17) != name)
            strcpy(name, t->name);
        m->params.items[m->params.n++] = (ggdm_tensor){name, GGDM_F32, t->shape, t->data};
        name += strlen(name) + 1;
    }
    return GGDM_OK;
}

static bool is_declared(const ggdm_graph *g, const char *name)
{
    for (int i = 0; i < ggdm_graph_param_count(g); i++)
        if (!strcmp(ggdm_graph_param_info(g, i).name, name))
            return true;
    return false;
}

/* Compare what the architecture declares with what the file has. */
static ggdm_status check_params(const ggdm_model *m, const ggdm_graph *g, const char *where,
                                ggdm_error *err)
{
    for (int i = 0; i < ggdm_graph_param_count(g); i++) {
        ggdm_param_info p = ggdm_graph_param_info(g, i);
        char found[128], expected[128];
        ggdm_shape_text(&p.shape, expected, sizeof expected);
        const ggdm_tensor *t = ggdm_params_find(&m->params, p.name);
        if (!t)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: tensor '%s' is missing, expected shape %s by config.json", where,
                             p.name, expected);
        if (!ggdm_shape_equal(&t->shape, &p.shape))
            return GGDM_FAIL(err, GGDM_ESHAPE,
                             "%s: tensor '%s' has shape %s, expected %s by config.json", where,
                             p.name, ggdm_shape_text(&t->shape, found, sizeof found), expected);
    }
    for (size_t i = 0; i < m->params.n; i++)
        if (!is_declared(g, m->params.items[i].name))
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: tensor '%.200s' is unexpected: the network of config.json has "
                             "none of this name",
                             where, m->params.items[i].name);
    for (size_t i = 1; m->params.n > (size_t)ggdm_graph_param_count(g) && i < m->params.n; i++)
        for (size_t j = 0; j < i; j++)
            if (!strcmp(m->params.items[i].name, m->params.items[j].name))
                return GGDM_FAIL(err, GGDM_EFORMAT,
                                 "%s: tensor '%.200s' is there twice, under its old and new name",
                                 where, m->params.items[i].name);
    return GGDM_OK;
}

/* Emit the network for one image, to learn which parameters it has. */
static ggdm_status declare(const ggdm_model *m, ggdm_graph **out, ggdm_error *err)
{
    ggdm_graph *g = NULL;
    GGDM_TRY(ggdm_graph_create(GGDM_F32, &g, err));
    ggdm_ports p = ggdm_arch_inputs(m->arch, g, 1);
    ggdm_status st = GGDM_OK;
    if (ggdm_arch_emit(m->arch, g, &p) < 0) { /* compiling reports why */
        st = ggdm_graph_compile(g, &m->params, err);
        if (st == GGDM_OK)
            st = GGDM_FAIL(err, GGDM_EINTERNAL, "network of %s could not be built",
                           m->info.class_name);
        ggdm_graph_destroy(&g);
    }
    *out = g;
    return st;
}

static ggdm_status set_levels(ggdm_model *m, const ggdm_schedule_config *c, ggdm_error *err)
{
    double *alpha_bar = NULL;
    GGDM_TRY(ggdm_alloc(&alpha_bar, (size_t)c->train_steps, sizeof *alpha_bar, err));
    ggdm_schedule_alpha_bar(c, alpha_bar);
    ggdm_status st = ggdm_arch_set_schedule(m->arch, alpha_bar, c->train_steps, err);
    free(alpha_bar);
    return st;
}

/* Of the schedule beside it, or what is assumed without one.  A network in closed form gives eps.
 */
static ggdm_status take_schedule(ggdm_model *m, ggdm_error *err)
{
    const ggdm_model_files *f = m->files;
    ggdm_schedule_config c;
    ggdm_doc *doc;
    GGDM_TRY(ggdm_schedule_config_read(
        f->scheduler, f->scheduler_path ? f->scheduler_path : f->path, &c, &doc, err));
    ggdm_status st = GGDM_OK;
    m->prediction = (ggdm_prediction)c.prediction;
    if (m->info.by_schedule && m->info.ports & GGDM_PORT_EPS &&
        m->prediction != GGDM_PREDICT_EPSILON)
        st = ggdm_node_expected(ggdm_node_get(doc->root, "prediction_type"), err,
                                "epsilon, which a %s gives", m->info.class_name);
    else if (m->info.by_schedule)
        st = set_levels(m, &c, err);
    ggdm_schedule_config_release(&c, &doc);
    return st;
}

/* Of pixels, as the file beside it has it. */
static ggdm_status take_normal(ggdm_model *m, ggdm_error *err)
{
    char *where = NULL;
    ggdm_normal normal = m->info.normal;
    if (!m->files->preprocessor)
        return GGDM_OK;
    GGDM_TRY(ggdm_path_join(m->files->path, GGDM_PREPROCESSOR_FILE, &where, err));
    ggdm_status st = ggdm_preprocessor_config_read(m->files->preprocessor, where, &normal, err);
    free(where);
    if (st == GGDM_OK)
        ggdm_arch_set_normal(m->arch, &normal);
    m->info = ggdm_arch_get_info(m->arch);
    return st;
}

ggdm_status ggdm_model_fit(ggdm_model *m, const ggdm_st_tensor *tensors, size_t n,
                           const char *where, ggdm_error *err)
{
    ggdm_graph *g = NULL;
    GGDM_TRY(make_params(m, tensors, n, err));
    if (m->info.ports & GGDM_PORT_T)
        GGDM_TRY(take_schedule(m, err));
    if (m->info.normal.n)
        GGDM_TRY(take_normal(m, err));
    GGDM_TRY(declare(m, &g, err));
    ggdm_status st = check_params(m, g, where, err);
    ggdm_graph_destroy(&g);
    return st;
}

static ggdm_status parse_weights(ggdm_model *m, ggdm_error *err)
{
    const ggdm_model_files *f = m->files;
    ggdm_safetensors *parsed = NULL;
    char *where = NULL;
    ggdm_status st;
    const char *name = m->info.weights_file ? m->info.weights_file : "config.json";
    GGDM_TRY_GOTO(st, ggdm_path_join(f->path, name, &where, err), done);
    GGDM_TRY_GOTO(st, ggdm_safetensors_parse(f->weights, f->weights_size, where, &parsed, err),
                  done);
    for (size_t i = 0; i < parsed->n_tensors; i++)
        GGDM_TRY_GOTO(st, ggdm_safetensors_as_f32(&parsed->tensors[i], where, err), done);
    st = ggdm_model_fit(m, parsed->tensors, parsed->n_tensors, where, err);
done:
    ggdm_safetensors_destroy(&parsed);
    free(where);
    return st;
}

ggdm_status ggdm_model_begin(const ggdm_model_files *files, ggdm_model **out, ggdm_error *err)
{
    ggdm_model *m = NULL;
    char *where = NULL;
    ggdm_status st;
    GGDM_TRY(ggdm_alloc(&m, 1, sizeof *m, err));
    m->files = files;
    GGDM_TRY_GOTO(st, ggdm_path_join(files->path, "config.json", &where, err), done);
    GGDM_TRY_GOTO(st, ggdm_arch_parse(files->config, strlen(files->config), where, &m->arch, err),
                  done);
    m->info = ggdm_arch_get_info(m->arch);
done:
    free(where);
    if (st != GGDM_OK)
        ggdm_model_destroy(&m);
    *out = m;
    return st;
}

ggdm_status ggdm_model_check_tokenizer(const ggdm_arch_info *info, const ggdm_tokenizer *tokenizer,
                                       const char *where, ggdm_error *err)
{
    const int32_t size = ggdm_tokenizer_size(tokenizer), end = ggdm_tokenizer_end(tokenizer);
    if (size > info->vocabulary)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: the tokenizer has %d tokens, expected at most the %d of the "
                         "network's vocab_size",
                         where, size, info->vocabulary);
    if (end != (info->text_end < 0 ? size - 1 : info->text_end))
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: the tokenizer ends texts with %d of its %d tokens, expected %s%d, "
                         "where the network looks for their ends",
                         where, end, size, info->text_end < 0 ? "the highest, " : "eos_token_id ",
                         info->text_end < 0 ? size - 1 : info->text_end);
    return GGDM_OK;
}

static ggdm_status parse_tokenizer(ggdm_model *m, ggdm_error *err)
{
    const ggdm_model_files *f = m->files;
    if (!f->tokenizer)
        return GGDM_OK;
    GGDM_TRY(ggdm_tokenizer_parse(f->tokenizer, f->path, &m->tokenizer, err));
    return ggdm_model_check_tokenizer(&m->info, m->tokenizer, f->path, err);
}

ggdm_status ggdm_model_create(const ggdm_model_files *files, ggdm_model **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_model_begin(files, out, err));
    ggdm_status st = parse_weights(*out, err);
    if (st == GGDM_OK)
        st = parse_tokenizer(*out, err);
    if (st != GGDM_OK)
        ggdm_model_destroy(out);
    return st;
}

int64_t ggdm_model_count(const ggdm_model *m)
{
    int64_t n = 0;
    for (size_t i = 0; i < m->params.n; i++)
        n += ggdm_shape_count(&m->params.items[i].shape);
    return n;
}

void ggdm_model_destroy(ggdm_model **model)
{
    if (!model || !*model)
        return;
    ggdm_arch_destroy(&(*model)->arch);
    ggdm_tokenizer_destroy(&(*model)->tokenizer);
    free((*model)->params.items);
    free((*model)->names);
    free(*model);
    *model = NULL;
}

/* --- numbers --- */

/* A block is looked at as a whole, which the compiler makes fast; only in a bad one the element is
 * looked for. */
static int64_t first_not_finite(const float *data, int64_t n)
{
    enum { BLOCK = 4096 };
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t end = at + BLOCK < n ? at + BLOCK : n;
        int bad = 0;
        for (int64_t i = at; i < end; i++)
            bad |= !isfinite(data[i]);
        for (int64_t i = at; bad && i < end; i++)
            if (!isfinite(data[i]))
                return i;
    }
    return -1;
}

ggdm_status ggdm_model_check_finite(const ggdm_model *model, ggdm_error *err)
{
    for (size_t i = 0; i < model->params.n; i++) {
        const ggdm_tensor *t = &model->params.items[i];
        const float *data = t->data;
        int64_t bad = first_not_finite(data, ggdm_shape_count(&t->shape));
        if (bad < 0)
            continue;
        ggdm_shape at = {.n = t->shape.n};
        char text[128];
        int64_t rest = bad;
        for (int k = t->shape.n - 1; k >= 0; rest /= t->shape.d[k], k--)
            at.d[k] = rest % t->shape.d[k];
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: tensor '%.200s', element %s: value %g, expected finite numbers",
                         model->files->path, t->name, ggdm_shape_text(&at, text, sizeof text),
                         (double)data[bad]);
    }
    return GGDM_OK;
}
