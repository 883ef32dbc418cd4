/* `ggdm model tokenize`: the ids that a model's text network gets for texts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/json_write.h"
#include "common/mem.h"
#include "coordinator/cmd/cmd_model.h"
#include "models/arch/arch.h"
#include "models/find.h"
#include "models/io/tokenizer.h"

enum { MAX_CONFIG = 1 << 20, MAX_TEXTS = 1 << 30 /* bytes of @FILE */ };

/* A directory needs no model in it: a tokenizer is enough. */
static ggdm_status find_dir(const char *name, char **out, ggdm_error *err)
{
    return ggdm_is_dir(name) ? ggdm_strdup(name, out, err) : ggdm_model_find(name, out, err);
}

/* How many ids the network takes whose config.json is in dir/part; *context stays where there is
 * none, or it takes no text. */
static ggdm_status read_context(const char *dir, const char *part, int *context, ggdm_error *err)
{
    char *path = NULL, *text = NULL;
    size_t size;
    ggdm_arch *arch = NULL;
    ggdm_status st;
    GGDM_TRY(ggdm_path_join(dir, part, &path, err));
    if (ggdm_exists(path)) {
        GGDM_TRY_GOTO(st, ggdm_read_file(path, MAX_CONFIG, &text, &size, err), done);
        GGDM_TRY_GOTO(st, ggdm_arch_parse(text, size, path, &arch, err), done);
        const int length = ggdm_arch_get_info(arch).context_length;
        *context = length ? length : *context;
    }
    st = GGDM_OK;
done:
    ggdm_arch_destroy(&arch);
    free(path);
    free(text);
    return st;
}

static ggdm_status find_context(const char *dir, int *context, ggdm_error *err)
{
    *context = GGDM_ARCH_CONTEXT;
    GGDM_TRY(read_context(dir, "text_encoder/config.json", context, err));
    return read_context(dir, "config.json", context, err);
}

typedef struct task {
    const ggdm_tokenizer *tokenizer;
    int context;
    int32_t *ids; /* [context] */
    bool truncate, json;
} task;

static void print_plain(const int32_t *ids, int n)
{
    for (int i = 0; i < n; i++)
        printf("%s%d", i ? " " : "", ids[i]);
    printf("\n");
}

static ggdm_status print_json(const task *t, const char *text, int n, ggdm_error *err)
{
    ggdm_json w;
    ggdm_json_init(&w, GGDM_JSON_LINE);
    ggdm_json_begin_object(&w, NULL);
    ggdm_json_put_string(&w, "text", text);
    ggdm_json_put_int(&w, "context", t->context);
    ggdm_json_begin_array(&w, "ids");
    for (int i = 0; i < n; i++)
        ggdm_json_put_int(&w, NULL, t->ids[i]);
    ggdm_json_end(&w);
    ggdm_json_end(&w);
    char *line = NULL;
    ggdm_status st = ggdm_json_finish(&w, &line, NULL, err);
    if (st == GGDM_OK)
        printf("%s\n", line);
    free(line);
    return st;
}

static ggdm_status print_text(const task *t, const char *text, ggdm_error *err)
{
    int n;
    GGDM_TRY(ggdm_tokenizer_encode(t->tokenizer, text, t->context, t->truncate, t->ids, &n, err));
    if (t->json)
        return print_json(t, text, n, err);
    print_plain(t->ids, n);
    return GGDM_OK;
}

/* A text a line. */
static ggdm_status print_file(const task *t, const char *path, ggdm_error *err)
{
    char *lines;
    size_t size;
    int number = 1;
    ggdm_status st = GGDM_OK;
    if (!*path)
        return GGDM_FAIL(err, GGDM_EINVAL, "text '@': expected the name of a file behind it");
    GGDM_TRY(ggdm_read_file(path, MAX_TEXTS, &lines, &size, err));
    for (char *line = lines; line < lines + size && st == GGDM_OK; number++) {
        char *end = memchr(line, '\n', (size_t)(lines + size - line));
        end = end ? end : lines + size;
        *end = '\0';
        if (strlen(line) != (size_t)(end - line))
            st = GGDM_FAIL(err, GGDM_EINVAL, "text, byte %zu: a NUL byte", strlen(line) + 1);
        else
            st = print_text(t, line, err);
        if (st != GGDM_OK)
            ggdm_error_prefix(err, "%s:%d", path, number);
        line = end + 1;
    }
    free(lines);
    return st;
}

static ggdm_status print_texts(const task *t, const ggdm_tokenize_options *o, ggdm_error *err)
{
    for (size_t i = 0; i < o->n_texts; i++) {
        const char *text = o->texts[i];
        GGDM_TRY(*text == '@' ? print_file(t, text + 1, err) : print_text(t, text, err));
    }
    return GGDM_OK;
}

ggdm_status ggdm_model_tokenize(const char *name, const ggdm_tokenize_options *options,
                                ggdm_error *err)
{
    char *dir = NULL;
    ggdm_tokenizer *tokenizer = NULL;
    task t = {.truncate = options->truncate, .json = options->json};
    ggdm_status st;
    GGDM_TRY_GOTO(st, find_dir(name, &dir, err), done);
    GGDM_TRY_GOTO(st, ggdm_tokenizer_open(dir, &tokenizer, err), done);
    if (!tokenizer) {
        st = GGDM_FAIL(err, GGDM_EINVAL,
                       "%s: there is no tokenizer, expected vocab.json and merges.txt, or "
                       "bpe_simple_vocab_16e6.txt.gz, there or in tokenizer/",
                       dir);
        goto done;
    }
    GGDM_TRY_GOTO(st, find_context(dir, &t.context, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&t.ids, (size_t)t.context, sizeof *t.ids, err), done);
    t.tokenizer = tokenizer;
    st = print_texts(&t, options, err);
done:
    ggdm_tokenizer_destroy(&tokenizer);
    free(t.ids);
    free(dir);
    return st;
}
