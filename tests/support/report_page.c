#include "tests/support/report_page.h"

#include <stdlib.h>
#include <string.h>

static ggdm_error err;

void report_page_write(const run_fixture *f, const ggdm_report_options *options, report_page *out)
{
    static const char begin[] = "<script type=\"application/json\" id=\"report-data\">\n";
    ggdm_results r;
    ggdm_test_ok(ggdm_results_read(f->store, &r, &err), &err);
    ggdm_test_ok(ggdm_report_write(&r, f->dir, "report.html", options, &err), &err);
    ggdm_results_deinit(&r);
    char *path = ggdm_test_path(f->dir, "report.html");
    out->text = ggdm_test_read(path, NULL);
    free(path);
    const char *data = strstr(out->text, begin);
    assert_non_null(data);
    data += strlen(begin);
    const size_t size = (size_t)(strstr(data, "</script>") - data);
    ggdm_test_ok(ggdm_json_parse(data, size, size, "report-data", &out->doc, &err), &err);
}

void report_page_free(report_page *page)
{
    free(page->text);
    ggdm_doc_destroy(&page->doc);
}

const ggdm_node *report_page_at(const report_page *page, const char *path)
{
    const ggdm_node *n = page->doc->root;
    for (const char *at = path; *at;) {
        char key[100];
        const size_t size = strcspn(at, ".");
        snprintf(key, sizeof key, "%.*s", (int)size, at);
        if (n->kind == GGDM_NODE_LIST) {
            long i = strtol(key, NULL, 10);
            for (n = n->first; n && i > 0; i--)
                n = n->next;
        } else {
            n = ggdm_node_get(n, key);
        }
        if (!n)
            ggdm_test_fail("the document has no %s", path);
        at += size + (at[size] == '.');
    }
    return n;
}

double report_page_number(const report_page *page, const char *path)
{
    const ggdm_node *n = report_page_at(page, path);
    if (n->kind != GGDM_NODE_INT && n->kind != GGDM_NODE_REAL)
        ggdm_test_fail("%s is no number: '%s'", path, n->text);
    return n->real;
}

const char *report_page_text(const report_page *page, const char *path)
{
    return report_page_at(page, path)->text;
}

int report_page_count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}
