/* The two summary files. */
#include "jobs/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/paper_results.h"

static ggdm_error err;

/* kappa {0, 0.1} x duration {0, 20+5} x a text; one model, target 3. */
static const paper_axis axes[] = {
    {"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "0.1", NULL}},
    {"duration", "t~", GGDM_PARAM_WINDOW, false, {"10", "20+5", NULL}},
    {"prompt", "prompt", GGDM_PARAM_TEXT, false, {"a \"red\" 3, small", "", NULL}},
    {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
};

static char *read_summary(const paper *p, const char *name)
{
    char *dir = ggdm_test_mkdtemp();
    ggdm_test_ok(ggdm_summary_write(&p->r, dir, &err), &err);
    char *path = ggdm_test_path(dir, name), *text = ggdm_test_read(path, NULL);
    free(path);
    ggdm_test_rmdir(dir);
    return text;
}

static void say(paper *p)
{
    static int32_t histogram[] = {0, 3, 7};
    paper_open(p, axes, 4);
    paper_say(p, 1, PAPER_JUDGE, 7, PAPER_N);
    ggdm_measured *m = p->r.rows[1].measured;
    m[PAPER_JUDGE].loss = 0.123456789;
    m[PAPER_JUDGE].confidence = 0.8;
    m[PAPER_JUDGE].confident = 0.5;
    m[PAPER_JUDGE].histogram = histogram;
    m[PAPER_JUDGE].classes = 3;
    m[PAPER_JUDGE].unscored = 2;
    paper_say(p, 1, PAPER_SATURATION, 2, PAPER_N);
    p->r.rows[1].diverged = 3;
    p->r.rows[7].n = 0;
}

static void test_summary_csv_is_exact(void **state)
{
    (void)state;
    static const char want[] =
        "cell,kappa,duration,prompt,n,complete,diverged,"
        "guide_accuracy,guide_accuracy_lo,guide_accuracy_hi,guide_loss,guide_confidence,"
        "guide_confident,guide_unscored,judge_accuracy,judge_accuracy_lo,judge_accuracy_hi,"
        "judge_loss,judge_confidence,judge_confident,judge_unscored,"
        "saturation_mean,saturation_deviation,saturation_n,saturation_unscored,key\n"
        "c0000,0,10,\"a \"\"red\"\" 3, small\",10,1,0,,,,,,,,,,,,,,,,,,,000000000000\n"
        "c0001,0,10,,10,1,3,,,,,,,,0.7,0.396778,0.892209,0.123457,0.8,0.5,2,2,,10,0,010101010101\n"
        "c0002,0,20+5,";
    paper p;
    say(&p);
    char *text = read_summary(&p, "summary.csv");
    if (strncmp(text, want, sizeof want - 1) != 0)
        ggdm_test_fail("%s", text);
    assert_non_null(strstr(text, "\nc0007,0.1,20+5,,0,0,0,,,"));
    assert_null(strchr(text, '\r'));
    free(text);
    paper_close(&p);
}

static void test_summary_json_has_the_names_of_the_table_and_says_what_they_are(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "{\n  \"schema\": 1,\n  \"name\": \"paper \\\"one\\\"\"",
        "\"digest\": \"bb22\"",
        "\"parameters\": {\n    \"target\": 3,\n    \"steps\": 100\n  }",
        "\"name\": \"kappa\",\n      \"type\": \"real\",\n      \"path\": \"kappa\",\n      "
        "\"label\": \"κ\"",
        "\"name\": \"judge_unscored\",\n      \"type\": \"whole\"",
        "\"prompt\": \"a \\\"red\\\" 3, small\"",
        "\"prompt\": null",
        "\"kappa\": 0.1",
        "\"duration\": 10,",
        "\"duration\": \"20+5\"",
        "\"complete\": true",
        "\"judge_loss\": 0.123456789",
        "\"guide_accuracy\": null",
        "\"histograms\": {\n        \"judge\": [\n          0,\n          3,\n          7\n"};
    paper p;
    say(&p);
    char *text = read_summary(&p, "summary.json");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(text, parts[i]))
            ggdm_test_fail("no '%s' in:\n%s", parts[i], text);
    /* The names of the table's head, each. */
    char *csv = read_summary(&p, "summary.csv"), *rest = csv, key[64];
    rest[strcspn(rest, "\n")] = '\0';
    for (char *name; (name = strsep(&rest, ","));) {
        snprintf(key, sizeof key, "\"%s\": ", name);
        assert_non_null(strstr(text, key));
    }
    assert_null(strstr(text, "nan"));
    free(csv);
    free(text);
    paper_close(&p);
}

static void test_summary_has_the_metrics_that_are_stored(void **state)
{
    (void)state;
    ggdm_metric metrics[] = {{"frechet", "frechet", "2048"}};
    ggdm_metric_value values[8];
    paper p;
    say(&p);
    p.r.metrics = metrics;
    p.r.n_metrics = 1;
    for (int i = 0; i < 8; i++) {
        values[i] = (ggdm_metric_value){i ? (double)NAN : 12.5, (double)NAN, 13, i ? 0 : 10, ""};
        p.r.rows[i].metrics = &values[i];
    }
    values[1].hi = (double)NAN;
    char *text = read_summary(&p, "summary.csv");
    assert_non_null(strstr(text, ",frechet,frechet_lo,frechet_hi,frechet_n,key\n"));
    assert_non_null(strstr(text, ",12.5,,13,10,000000000000\n"));
    assert_non_null(strstr(text, ",,,,,010101010101\n"));
    free(text);
    paper_close(&p);
}

/* Cells of a sweep that ended itself say how, and which intervals theirs are. */
static void test_summary_says_what_until_decided(void **state)
{
    (void)state;
    static const ggdm_until rule = {.halfwidth = 0.2, .level = 0.05, .at_most = 60, .block = 10};
    paper p;
    say(&p);
    p.r.rows[1].until = &rule;
    p.r.rows[1].verdict = (ggdm_store_verdict){.state = GGDM_UNTIL_AT_MOST};
    paper_say(&p, 1, PAPER_JUDGE, 7, PAPER_N);
    char *csv = read_summary(&p, "summary.csv"), *json = read_summary(&p, "summary.json");
    assert_non_null(strstr(csv, ",n,complete,diverged,until,guide_accuracy,"));
    assert_non_null(strstr(csv, "\nc0001,0,10,,10,1,3,at-most,,,,,,,,0.7,0.266741,0.96336,"));
    assert_non_null(strstr(csv, "\nc0002,0,20+5,\"a \"\"red\"\" 3, small\",10,1,0,,"));
    assert_non_null(strstr(json, "\"interval\": \"Wilson 95 % (with until: time-uniform 95 %)\""));
    assert_non_null(strstr(json, "\"until\": \"at-most\""));
    free(csv);
    free(json);
    for (int32_t i = 0; i < p.r.n_rows; i++)
        p.r.rows[i].until = &rule;
    json = read_summary(&p, "summary.json");
    assert_non_null(strstr(json, "\"interval\": \"time-uniform 95 %\""));
    free(json);
    paper_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_summary_csv_is_exact),
        cmocka_unit_test(test_summary_json_has_the_names_of_the_table_and_says_what_they_are),
        cmocka_unit_test(test_summary_has_the_metrics_that_are_stored),
        cmocka_unit_test(test_summary_says_what_until_decided),
    };
    return ggdm_test_main(tests);
}
