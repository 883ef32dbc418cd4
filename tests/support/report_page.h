/* A report as its readers see it: the page, and the document in it. */
#ifndef GGDM_TESTS_SUPPORT_REPORT_PAGE_H
#define GGDM_TESTS_SUPPORT_REPORT_PAGE_H

#include "common/json.h"
#include "coordinator/show/report.h"
#include "tests/support/run_fixture.h"

typedef struct report_page {
    char *text;    /* owned */
    ggdm_doc *doc; /* owned */
} report_page;

/** Write the report of a fixture and read it again.  options: NULL as for ggdm_report_write. */
void report_page_write(const run_fixture *f, const ggdm_report_options *options, report_page *out);
void report_page_free(report_page *page);

/** What stands at a path, "cells.8.columns.judge_accuracy.0"; a test fails where nothing does. */
const ggdm_node *report_page_at(const report_page *page, const char *path);
/** The same as a number, and as a text. */
double report_page_number(const report_page *page, const char *path);
const char *report_page_text(const report_page *page, const char *path);

/** How often a part is in a text. */
int report_page_count(const char *text, const char *part);

#endif
