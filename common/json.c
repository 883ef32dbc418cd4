#include "common/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/fs.h"
#include "common/json_write.h"
#include "common/mem.h"

#define MAX_DEPTH 64
#define MAX_NODES ((size_t)1 << 20) /* of some 250 bytes each, with the library's own */

/* Upper bounds on values and depth, before the library allocates anything for them: every value
 * but the first follows a ',', '[', '{' or ':' outside of a string. */
static ggdm_status check_size(const char *text, size_t size, const char *where, ggdm_error *err)
{
    size_t values = 1, depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
            continue;
        }
        quoted = c == '"';
        values += c == ',' || c == '[' || c == '{';
        depth += c == '[' || c == '{';
        depth -= depth && (c == ']' || c == '}');
        if (depth > MAX_DEPTH)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: nested deeper than %d levels", where,
                             MAX_DEPTH);
        if (values > MAX_NODES)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: more than %zu values", where, MAX_NODES);
    }
    return GGDM_OK;
}

/* Python writes numbers that are not finite, which JSON does not have and the library refuses.
 * While it reads they are texts that nobody writes, of the same length, so that positions stay. */
static const struct {
    const char *word, *text;
    double value;
} not_finite[] = {
    {"NaN", "\"\x7f\"", NAN},
    {"Infinity", "\"\x7f\x7f\"    ", INFINITY},
    {"-Infinity", "\"\x7f\x7f\x7f\"    ", -INFINITY},
};
enum { N_NOT_FINITE = sizeof not_finite / sizeof *not_finite };

/* In *out (owned) the text with these words replaced; NULL where it has none. */
static ggdm_status replace_words(const char *text, size_t size, char **out, ggdm_error *err)
{
    bool quoted = false;
    *out = NULL;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (quoted || c == '"') {
            i += quoted && c == '\\';
            quoted = quoted != (c == '"');
            continue;
        }
        for (int k = 0; k < N_NOT_FINITE; k++) {
            size_t n = strlen(not_finite[k].word);
            if (size - i < n || memcmp(text + i, not_finite[k].word, n) != 0)
                continue;
            if (!*out) {
                GGDM_TRY(ggdm_alloc(out, size, 1, err));
                memcpy(*out, text, size);
            }
            memcpy(*out + i, not_finite[k].text, n);
            i += n - 1;
            break;
        }
    }
    return GGDM_OK;
}

/* The place in not_finite of what a text of the library stands for, or N_NOT_FINITE. */
static int find_word(json_t *value)
{
    const char *text = json_string_value(value);
    size_t n = strlen(text);
    return n >= 1 && n <= N_NOT_FINITE && text[strspn(text, "\x7f")] == '\0' ? (int)n - 1
                                                                             : N_NOT_FINITE;
}

static void set_int(ggdm_node *node, json_int_t v)
{
    node->kind = GGDM_NODE_INT;
    node->negative = v < 0;
    node->magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    node->real = (double)v;
}

static ggdm_status add_node(ggdm_doc *doc, const ggdm_node *parent, const char *key, json_t *value,
                            ggdm_error *err);

static ggdm_status add_children(ggdm_doc *doc, const ggdm_node *node, json_t *value,
                                ggdm_error *err)
{
    size_t i;
    const char *key;
    json_t *item;
    if (json_is_array(value)) {
        json_array_foreach(value, i, item) GGDM_TRY(add_node(doc, node, NULL, item, err));
    } else {
        json_object_foreach(value, key, item) GGDM_TRY(add_node(doc, node, key, item, err));
    }
    return GGDM_OK;
}

/* Recursion is bounded by check_size. */
static ggdm_status add_node(ggdm_doc *doc, const ggdm_node *parent, const char *key, json_t *value,
                            ggdm_error *err)
{
    ggdm_node *node;
    char number[GGDM_NUMBER_SIZE] = "";
    const char *text = number;
    int word = N_NOT_FINITE;
    switch (json_typeof(value)) {
    case JSON_STRING:
        word = find_word(value);
        text = word < N_NOT_FINITE ? not_finite[word].word : json_string_value(value);
        break;
    case JSON_INTEGER:
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        ggdm_number_text(json_real_value(value), number);
        break;
    case JSON_TRUE:
        text = "true";
        break;
    case JSON_FALSE:
        text = "false";
        break;
    case JSON_NULL:
        text = "null";
        break;
    default:
        break;
    }
    GGDM_TRY(ggdm_doc_add(doc, parent, key, text, &node, err));
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        node->kind = GGDM_NODE_MAP;
        return add_children(doc, node, value, err);
    case JSON_ARRAY:
        node->kind = GGDM_NODE_LIST;
        return add_children(doc, node, value, err);
    case JSON_STRING:
        node->kind = word < N_NOT_FINITE ? GGDM_NODE_REAL : GGDM_NODE_STRING;
        node->real = word < N_NOT_FINITE ? not_finite[word].value : 0;
        break;
    case JSON_INTEGER:
        set_int(node, json_integer_value(value));
        break;
    case JSON_REAL:
        node->kind = GGDM_NODE_REAL;
        node->real = json_real_value(value);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        node->kind = GGDM_NODE_BOOL;
        node->boolean = json_is_true(value);
        break;
    case JSON_NULL:
        node->kind = GGDM_NODE_NULL;
        break;
    }
    return GGDM_OK;
}

ggdm_status ggdm_json_parse(const char *text, size_t size, size_t max_size, const char *where,
                            ggdm_doc **out, ggdm_error *err)
{
    *out = NULL;
    if (size > max_size)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: %zu bytes of JSON, expected at most %zu", where,
                         size, max_size);
    GGDM_TRY(check_size(text, size, where, err));

    char *replaced;
    GGDM_TRY(replace_words(text, size, &replaced, err));
    json_error_t problem;
    json_t *root = json_loadb(replaced ? replaced : text, size,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    free(replaced);
    if (!root) {
        bool memory = json_error_code(&problem) == json_error_out_of_memory;
        return GGDM_FAIL(err, memory ? GGDM_ENOMEM : GGDM_EFORMAT, "%s:%d:%d: not valid JSON: %s",
                         where, problem.line, problem.column, problem.text);
    }
    ggdm_doc *doc = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_doc_create(where, MAX_NODES, &doc, err), done);
    GGDM_TRY_GOTO(st, add_node(doc, NULL, NULL, root, err), done);
    *out = doc;
    doc = NULL;

done:
    ggdm_doc_destroy(&doc);
    json_decref(root);
    return st;
}

ggdm_status ggdm_json_read(const char *path, size_t max_size, ggdm_doc **out, ggdm_error *err)
{
    char *text;
    size_t size;
    *out = NULL;
    GGDM_TRY(ggdm_read_file(path, max_size, &text, &size, err));
    ggdm_status st = ggdm_json_parse(text, size, max_size, path, out, err);
    free(text);
    return st;
}
