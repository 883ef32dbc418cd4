/* report.md and report.tex: what they show, and that texts of people do nothing there. */
#include "coordinator/show/paper.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/paper_results.h"

static ggdm_error err;

/* All that acts in LaTeX or Markdown, and letters of several bytes. */
#define NASTY "%_&#{}~^\\ κ[x](y)*|<b>$@`'\"-- 中é"

static const paper_axis figure[] = {
    {"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "0.1", NULL}},
    {"duration", "t~", GGDM_PARAM_WINDOW, false, {"0", "500", "250+100", NULL}},
    {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
};

/* Cell i has i right of ten by the judge, and all by the guide. */
static void open_paper(paper *p, const paper_axis *axes, int n)
{
    paper_open(p, axes, n);
    for (int32_t i = 0; i < p->r.n_rows; i++) {
        paper_say(p, i, PAPER_JUDGE, i % (PAPER_N + 1), PAPER_N);
        paper_say(p, i, PAPER_GUIDE, PAPER_N, PAPER_N);
    }
}

static char *write_page(const paper *p, const ggdm_markup *markup)
{
    char *dir = ggdm_test_mkdtemp();
    ggdm_test_ok(ggdm_paper_write(&p->r, markup, dir, "page", &err), &err);
    char *path = ggdm_test_path(dir, "page"), *text = ggdm_test_read(path, NULL);
    const char *keep = getenv("GGDM_KEEP");
    if (keep) {
        char name[64], *kept;
        static int n;
        snprintf(name, sizeof name, "page-%d.%s", n++, markup->ending);
        kept = ggdm_test_path(keep, name);
        ggdm_test_write(kept, text, strlen(text));
        free(kept);
    }
    free(path);
    ggdm_test_rmdir(dir);
    return text;
}

static void check(const char *text, const char *const *parts)
{
    for (; *parts; parts++)
        if (!strstr(text, *parts))
            ggdm_test_fail("no '%s' in:\n%s", *parts, text);
}
#define CHECK(text, ...) check(text, (const char *const[]){__VA_ARGS__, NULL})

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

/* What LaTeX would stumble over: braces, rows of another number of columns, rows without an end. */
static void check_latex(const char *text)
{
    int depth = 0, columns = 0, entries = 0;
    bool in_rows = false;
    for (const char *c = text; *c; c++) {
        if (strncmp(c, "\\begin{tabular}{", 16) == 0)
            columns = (int)strcspn(c + 16, "}");
        in_rows =
            (in_rows || strncmp(c, "\\midrule", 8) == 0) && strncmp(c, "\\bottomrule", 11) != 0;
        if (c == text || c[-1] != '\n') {
        } else if (in_rows && entries) {
            ggdm_test_fail("a row without an end before:\n%s", c);
        }
        if (*c == '\\' && c[1] == '\\') {
            if (in_rows && depth == 0 && entries != columns - 1)
                ggdm_test_fail("a row of %d entries, expected %d, before:\n%s", entries + 1,
                               columns, c);
            entries = depth == 0 ? 0 : entries;
            c++;
        } else if (*c == '\\') {
            c++;
        } else if (*c == '{' || *c == '}') {
            depth += *c == '{' ? 1 : -1;
        } else if (*c == '&') {
            entries += in_rows;
        } else if (strchr("#^~_$\"", *c) && *c != '$' && in_rows) {
            ggdm_test_fail("'%c' acts in:\n%s", *c, c);
        }
        assert_true(depth >= 0);
    }
    assert_int_equal(depth, 0);
}

static void test_paper_lays_two_parameters_out_as_the_figure(void **state)
{
    (void)state;
    paper p;
    open_paper(&p, figure, 3);
    p.r.rows[4].n = 0;
    paper_say(&p, 4, PAPER_JUDGE, 0, 0);
    char *text = write_page(&p, &ggdm_markdown);
    CHECK(text, "# paper \"one\"\n",
          "\nAccuracy by the judge in % for target 3: n = 10 images a cell, diverged ones count as "
          "wrong, with Wilson 95 % intervals.\n\n"
          "| kappa (κ) \\\\ duration (t\\~) | 0 | 500 | 250+100 |\n"
          "| --: | --: | --: | --: |\n"
          "| 0 | 0.0 [0.0, 27.8] | 10.0 [1.8, 40.4] | 20.0 [5.7, 51.0] |\n"
          "| 0.1 | 30.0 [10.8, 60.3] | – | 50.0 [23.7, 76.3] |\n",
          "Accuracy by the guide in %", "<details><summary>All cells</summary>\n\n",
          "| cell | κ | t\\~ | n | accuracy by the judge | accuracy by the guide |\n",
          "\n| c0004 | 0.1 | 500 | 0 | – | 100.0 [72.2, 100.0] |\n", "1 is incomplete.");
    free(text);
    text = write_page(&p, &ggdm_latex);
    CHECK(text, "\\caption{Accuracy by the judge in \\% for target 3: n = 10 images a cell, ",
          "\\label{tab:paper--one--1}",
          " & \\multicolumn{3}{c}{duration (t\\textasciitilde{})} \\\\\n",
          "kappa (\\ensuremath{\\kappa}) & 0 & 500 & 250+100 \\\\\n",
          "0.1 & \\ggdmabove{30.0}{10.8}{60.3} & -- & ");
    assert_int_equal(count(text, "\\begin{table}"), 2); /* all is there: no list besides */
    check_latex(text);
    free(text);
    paper_close(&p);
}

/* The second parameter may be what the cells aim at. */
static void test_paper_shows_targets_down(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "0.1", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", "5", NULL}},
    };
    paper p;
    open_paper(&p, axes, 2);
    char *text = write_page(&p, &ggdm_markdown);
    CHECK(text, "Accuracy by the judge in %: n = 10",
          "| target \\\\ kappa (κ) | 0 | 0.1 |\n| --: | --: | --: |\n| 3 | 0.0 [0.0, 27.8] | 20.0");
    free(text);
    paper_close(&p);
}

static void test_paper_escapes_what_people_wrote(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"prompt_a", "prompt_a", GGDM_PARAM_TEXT, false, {NASTY, "* one", "[2]", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
    };
    paper p;
    open_paper(&p, axes, 2);
    p.info.name = NASTY;
    char *text = write_page(&p, &ggdm_markdown);
    CHECK(text, "| c0000 | %\\_\\&\\#{}\\~^\\\\ κ\\[x\\](y)\\*\\|\\<b\\>\\$\\@\\`'\"-- 中é | 0.0 [",
          "| cell | prompt\\_a |");
    assert_memory_equal(text, "# %\\_\\&", 7);
    free(text);
    text = write_page(&p, &ggdm_latex);
    CHECK(text,
          "\n\\%\\_\\&\\#\\{\\}\\textasciitilde{}\\textasciicircum{}\\textbackslash{} "
          "\\ensuremath{\\kappa}{[}x{]}(y){*}\\textbar{}\\textless{}b\\textgreater{}\\$@"
          "\\textasciigrave{}{'}{\\char34}{-}{-} \\ggdmchar{中}{4E2D}é & "
          "\\ggdmbeside{0.0}{0.0}{27.8} & ",
          "\n{*} one & ", "\n{[}2{]} & ", "prompt\\_a & ", "% Tables of the run \\%\\_\\&\\#\\{");
    check_latex(text);
    free(text);
    paper_close(&p);
}

static void test_paper_with_metrics_and_many_cells_has_several_tables(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"model", "model", GGDM_PARAM_MODEL, false, {"a", "b", "c", "d", "e", "f", "g", "h",
                                                     "i", "j", "k", "l", "m", "n", "o", "p",
                                                     "q", "r", "s", "t", "u", NULL}},
        {"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "1", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
    };
    ggdm_metric metric = {.name = "vendi", .metric = "vendi", .settings = "pixels"};
    ggdm_metric_value values[42];
    paper p;
    open_paper(&p, axes, 3);
    p.r.metrics = &metric;
    p.r.n_metrics = 1;
    for (int i = 0; i < 42; i++) {
        values[i] = (ggdm_metric_value){i ? (double)NAN : 12.3456, 11.5, 13, i ? 0 : 10, ""};
        p.r.rows[i].metrics = &values[i];
    }
    strcpy(values[0].note, "of too few images");
    p.r.n_varying = 1; /* (as if the second were zipped with the first) */
    char *text = write_page(&p, &ggdm_latex);
    CHECK(text, " & accuracy by the guide & vendi by pixels \\\\\n\\midrule\n",
          " & \\ggdmbeside{12.35}{11.50}{13.00} \\\\\n", " & -- \\\\\n", " (continued).}",
          "\\label{tab:paper--one--2}", "; 1 number: of too few images.}",
          "n = 10 images each, accuracies in \\% with Wilson 95 \\%");
    assert_int_equal(count(text, "\\begin{table}"), 2);
    check_latex(text);
    free(text);
    paper_close(&p);
}

static void test_paper_without_an_aim_is_of_means(void **state)
{
    (void)state;
    static const paper_axis axes[] = {{"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "0.1", NULL}}};
    paper p;
    paper_open(&p, axes, 1);
    for (int32_t i = 0; i < 2; i++) {
        p.r.rows[i].aim = -1;
        p.r.rows[i].diverged = i;
        p.r.rows[i].measured[PAPER_SATURATION] = (ggdm_measured){
            .known = true, .n = 10, .n_mean = 10 - i, .mean = 0.25, .deviation = 0.1};
    }
    char *text = write_page(&p, &ggdm_markdown);
    CHECK(text, "| cell | κ | diverged | mean saturation |\n",
          "| c0000 | 0 | 0 | 0.2500 [0.1880, 0.3120] |\n",
          "| c0001 | 0.1 | 1 | 0.2500 [0.1847, 0.3153] |\n");
    assert_null(strstr(text, "ccurac"));
    free(text);
    paper_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paper_lays_two_parameters_out_as_the_figure),
        cmocka_unit_test(test_paper_shows_targets_down),
        cmocka_unit_test(test_paper_escapes_what_people_wrote),
        cmocka_unit_test(test_paper_with_metrics_and_many_cells_has_several_tables),
        cmocka_unit_test(test_paper_without_an_aim_is_of_means),
    };
    return ggdm_test_main(tests);
}
