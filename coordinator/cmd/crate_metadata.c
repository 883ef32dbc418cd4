/* ro-crate-metadata.json: flat JSON-LD, an object for each entity; they refer to each other by @id.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/hash.h"
#include "common/mem.h"
#include "common/plural.h"
#include "coordinator/cmd/crate.h"
#include "coordinator/cmd/crate_files.h"
#include "jobs/store_audit.h"

#define CONTEXT "https://w3id.org/ro/crate/1.1/context"
#define SPECIFICATION "https://w3id.org/ro/crate/1.1"
#define PROFILE "https://w3id.org/ro/wfrun/process/0.5"
#define SHA256_TERM "https://w3id.org/ro/terms/workflow-run#sha256" /* not in that context */
#define SCHEMA "http://schema.org/"
#define NO_LICENSE                                                                                 \
    "No licence was stated when this crate was made: put a reference to one here, under which "    \
    "these files may be used."

typedef struct metadata {
    const ggdm_results *r;
    const ggdm_store_counts *counts;
    const char *dir;
    double first, last; /* events of the run, seconds since 1970; 0: none */
    int64_t sessions;
    ggdm_json j;
} metadata;

/* ---- pieces ---------------------------------------------------------------------------------- */

static void begin(metadata *m, const char *id, const char *type, const char *name)
{
    ggdm_json_begin_object(&m->j, NULL);
    ggdm_json_put_string(&m->j, "@id", id);
    ggdm_json_put_string(&m->j, "@type", type);
    ggdm_json_put_string(&m->j, "name", name);
}

static void put_ref(metadata *m, const char *key, const char *id)
{
    ggdm_json_begin_object(&m->j, key);
    ggdm_json_put_string(&m->j, "@id", id);
    ggdm_json_end(&m->j);
}

static void put_text(metadata *m, const char *key, const char *text)
{
    if (*text)
        ggdm_json_put_string(&m->j, key, text);
}

static void put_time(metadata *m, const char *key, double when)
{
    char text[40] = "";
    const time_t seconds = ggdm_to_int(when, 0, GGDM_LAST_SECOND);
    struct tm parts;
    if (gmtime_r(&seconds, &parts))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    ggdm_json_put_string(&m->j, key, text);
}

/* ---- settings and numbers of the run --------------------------------------------------------- */

typedef struct property {
    const char *id, *name;
    const char *text; /* NULL: number is it; "": nobody knows */
    int64_t number;
} property;

enum { N_SETTINGS = 4, N_NUMBERS = 5 };

static int64_t units_given_up(const metadata *m)
{
    return m->counts->units[GGDM_UNIT_FAILED] + m->counts->units[GGDM_UNIT_QUARANTINED];
}

static void settings_of(const metadata *m, property out[N_SETTINGS])
{
    const ggdm_run_info *info = m->r->info;
    out[0] = (property){"#precision", "precision", ggdm_precision_names[info->precision], 0};
    out[1] = (property){"#isa", "instruction set", info->isa, 0};
    out[2] = (property){"#processor", "processor on which it began", info->processor, 0};
    out[3] = (property){"#bits", "digest of the numerical self-check there", info->bits, 0};
}

static void numbers_of(const metadata *m, property out[N_NUMBERS])
{
    const ggdm_store_counts *c = m->counts;
    out[0] = (property){"#cells", "cells", NULL, m->r->n_rows};
    out[1] = (property){"#images-wanted", "distinct images wanted", NULL, c->images_total};
    out[2] = (property){"#images-made", "distinct images made", NULL, c->images_done};
    out[3] = (property){"#images-diverged", "images that diverged", NULL, c->images_diverged};
    out[4] = (property){"#units-given-up", "units of work given up", NULL, units_given_up(m)};
}

static void put_property_refs(metadata *m, const property *p, int n)
{
    for (int i = 0; i < n; i++)
        if (!p[i].text || *p[i].text)
            put_ref(m, NULL, p[i].id);
}

static void put_properties(metadata *m, const property *p, int n)
{
    for (int i = 0; i < n; i++) {
        if (p[i].text && !*p[i].text)
            continue;
        begin(m, p[i].id, "PropertyValue", p[i].name);
        if (p[i].text)
            ggdm_json_put_string(&m->j, "value", p[i].text);
        else
            ggdm_json_put_int(&m->j, "value", p[i].number);
        ggdm_json_end(&m->j);
    }
}

/* ---- models and pictures --------------------------------------------------------------------- */

#define ID_SIZE (GGDM_HASH_TEXT_SIZE + 16)

static void digest_id(const char *what, const char *digest, char id[ID_SIZE])
{
    snprintf(id, ID_SIZE, "#%s-%.64s", what, digest);
}

/* "license: mit" in the head of a card, between two lines ---, as model hubs have it. */
static void put_license_of(metadata *m, const char *path)
{
    static const char key[] = "\nlicense:";
    char *card = NULL;
    if (ggdm_read_text(path, GGDM_CRATE_MAX_CARD, &card, NULL) == GGDM_OK &&
        strncmp(card, "---\n", 4) == 0) {
        const char *end = strstr(card + 3, "\n---");
        char *line = strstr(card + 3, key);
        if (end && line && line < end) {
            line += strlen(key);
            line += strspn(line, " \"'");
            line[strcspn(line, "\"'\r\n")] = '\0';
            put_text(m, "license", line);
        }
    }
    free(card);
}

static ggdm_status put_model(metadata *m, const ggdm_store_model *model, ggdm_error *err)
{
    char id[ID_SIZE], card[GGDM_CRATE_CARD_SIZE], *path = NULL;
    digest_id("model", model->digest, id);
    ggdm_crate_card_name(model, card);
    GGDM_TRY(ggdm_path_join(m->dir, card, &path, err));
    begin(m, id, "CreativeWork", model->name);
    ggdm_json_put_string(&m->j, "description",
                         "A model; its weights are not in this crate.  The identifier is what "
                         "`ggdm model info` calls its digest: a SHA-256 of what its files mean.");
    ggdm_json_put_string(&m->j, "identifier", model->digest);
    if (ggdm_exists(path)) {
        put_ref(m, "subjectOf", card);
        put_license_of(m, path);
    }
    ggdm_json_end(&m->j);
    free(path);
    return GGDM_OK;
}

static ggdm_status put_picture_ref(void *context, const ggdm_store_asset *asset, ggdm_error *err)
{
    (void)err;
    char id[ID_SIZE];
    digest_id("asset", asset->digest, id);
    put_ref(context, NULL, id);
    return GGDM_OK;
}

static ggdm_status put_picture(void *context, const ggdm_store_asset *asset, ggdm_error *err)
{
    (void)err;
    metadata *m = context;
    char id[ID_SIZE], text[120];
    digest_id("asset", asset->digest, id);
    snprintf(text, sizeof text, "%d x %d x %d pixels that sweeps name; in ggdm.db, table asset",
             asset->height, asset->width, asset->channels);
    begin(m, id, "CreativeWork", "picture of a sweep");
    ggdm_json_put_string(&m->j, "description", text);
    ggdm_json_put_string(&m->j, "identifier", asset->digest);
    ggdm_json_end(&m->j);
    return GGDM_OK;
}

/* ---- the run --------------------------------------------------------------------------------- */

/* "oneDNN 2.6.3": what stands before the last blank is its name. */
static void put_software(metadata *m)
{
    const ggdm_run_info *info = m->r->info;
    const char *version = strrchr(info->library, ' ');
    char name[60];
    begin(m, "#ggdm", "SoftwareApplication", "ggdm");
    ggdm_json_put_string(&m->j, "description",
                         "Generates images with gradient-guided diffusion in large batches");
    ggdm_json_put_string(&m->j, "softwareVersion", info->version);
    if (version)
        put_ref(m, "softwareRequirements", "#library");
    ggdm_json_end(&m->j);
    if (!version)
        return;
    snprintf(name, sizeof name, "%.*s", (int)(version - info->library), info->library);
    begin(m, "#library", "SoftwareApplication", name);
    ggdm_json_put_string(&m->j, "softwareVersion", version + 1);
    ggdm_json_end(&m->j);
}

/* The command that makes it, or, sweep by sweep, those. */
static ggdm_status put_commands(metadata *m, ggdm_error *err)
{
    char *text = NULL;
    int32_t n = 0;
    GGDM_TRY(ggdm_store_n_sweeps(m->r->store, &n, err));
    GGDM_TRY(ggdm_strdup("ggdm run sweep.yaml", &text, err));
    for (int32_t i = 2; i <= n; i++) {
        char name[GGDM_SWEEP_NAME_SIZE], *longer = NULL;
        ggdm_sweep_file_name(i, name);
        ggdm_status st = ggdm_asprintf(&longer, err, "%s; ggdm run %s --add", text, name);
        free(text);
        text = longer;
        GGDM_TRY(st);
    }
    ggdm_json_put_string(&m->j, "description", text);
    free(text);
    return GGDM_OK;
}

static ggdm_status put_objects(metadata *m, ggdm_error *err)
{
    property settings[N_SETTINGS];
    settings_of(m, settings);
    ggdm_json_begin_array(&m->j, "object");
    GGDM_TRY(ggdm_crate_put_refs(&m->j, m->dir, GGDM_CRATE_INPUT, err));
    for (int32_t i = 0; i < m->r->n_models; i++) {
        char id[ID_SIZE];
        digest_id("model", m->r->models[i].digest, id);
        put_ref(m, NULL, id);
    }
    GGDM_TRY(ggdm_store_each_asset(m->r->store, put_picture_ref, m, err));
    put_property_refs(m, settings, N_SETTINGS);
    ggdm_json_end(&m->j);
    return GGDM_OK;
}

static ggdm_status put_results(metadata *m, ggdm_error *err)
{
    property numbers[N_NUMBERS];
    numbers_of(m, numbers);
    ggdm_json_begin_array(&m->j, "result");
    GGDM_TRY(ggdm_crate_put_refs(&m->j, m->dir, GGDM_CRATE_OUTPUT, err));
    put_property_refs(m, numbers, N_NUMBERS);
    ggdm_json_end(&m->j);
    return GGDM_OK;
}

static void put_status(metadata *m)
{
    const int64_t given_up = units_given_up(m);
    char text[100];
    if (!ggdm_store_at_rest(m->r->store) || m->counts->cells_open) {
        put_ref(m, "actionStatus", SCHEMA "ActiveActionStatus");
        return;
    }
    put_ref(m, "actionStatus",
            given_up ? SCHEMA "FailedActionStatus" : SCHEMA "CompletedActionStatus");
    snprintf(text, sizeof text, "%lld unit%s of work %s given up", (long long)given_up,
             ggdm_plural(given_up), given_up == 1 ? "was" : "were");
    put_text(m, "error", given_up ? text : "");
}

static ggdm_status put_run(metadata *m, ggdm_error *err)
{
    begin(m, "#run", "CreateAction", m->r->info->name);
    GGDM_TRY(put_commands(m, err));
    if (m->sessions) {
        put_time(m, "startTime", m->first);
        put_time(m, "endTime", m->last);
    }
    put_ref(m, "instrument", "#ggdm");
    GGDM_TRY(put_objects(m, err));
    GGDM_TRY(put_results(m, err));
    put_status(m);
    put_text(m, "disambiguatingDescription", m->r->info->notes);
    ggdm_json_end(&m->j);
    return GGDM_OK;
}

/* ---- the crate ------------------------------------------------------------------------------- */

static void put_descriptor(metadata *m)
{
    begin(m, GGDM_CRATE_METADATA_FILE, "CreativeWork", "What is in this crate");
    put_ref(m, "conformsTo", SPECIFICATION);
    put_ref(m, "about", "./");
    ggdm_json_end(&m->j);
    begin(m, SPECIFICATION, "CreativeWork", "RO-Crate Metadata Specification");
    ggdm_json_put_string(&m->j, "version", "1.1");
    ggdm_json_end(&m->j);
    begin(m, PROFILE, "CreativeWork", "Process Run Crate");
    ggdm_json_put_string(&m->j, "version", "0.5");
    ggdm_json_end(&m->j);
}

static void put_description(metadata *m)
{
    const ggdm_store_counts *c = m->counts;
    const bool complete = c->images_done == c->images_total && c->cells_open == 0;
    char text[400];
    snprintf(
        text, sizeof text,
        "Images by guided diffusion: %lld of %lld distinct image%s of %d cell%s.  It is a run "
        "directory of ggdm: `ggdm status` and `ggdm report` show it, `ggdm replay` computes an "
        "image of it again, `ggdm verify` says whether some of them are the same to the bit.",
        (long long)c->images_done, (long long)c->images_total, ggdm_plural(c->images_total),
        m->r->n_rows, ggdm_plural(m->r->n_rows));
    ggdm_json_put_string(&m->j, "description", text);
    ggdm_json_put_string(&m->j, "creativeWorkStatus", complete ? "Complete" : "Incomplete");
}

static ggdm_status put_root(metadata *m, ggdm_error *err)
{
    begin(m, "./", "Dataset", m->r->info->name);
    put_description(m);
    put_ref(m, "conformsTo", PROFILE);
    put_time(m, "datePublished", m->last);
    ggdm_json_put_string(&m->j, "license", NO_LICENSE);
    put_ref(m, "mentions", "#run");
    ggdm_json_begin_array(&m->j, "hasPart");
    ggdm_status st = ggdm_crate_put_refs(&m->j, m->dir, GGDM_CRATE_ALL, err);
    ggdm_json_end(&m->j);
    ggdm_json_end(&m->j);
    return st;
}

static ggdm_status put_all(metadata *m, ggdm_error *err)
{
    property settings[N_SETTINGS], numbers[N_NUMBERS];
    settings_of(m, settings);
    numbers_of(m, numbers);
    put_descriptor(m);
    GGDM_TRY(put_root(m, err));
    GGDM_TRY(put_run(m, err));
    put_software(m);
    put_properties(m, settings, N_SETTINGS);
    put_properties(m, numbers, N_NUMBERS);
    for (int32_t i = 0; i < m->r->n_models; i++)
        GGDM_TRY(put_model(m, &m->r->models[i], err));
    GGDM_TRY(ggdm_store_each_asset(m->r->store, put_picture, m, err));
    return ggdm_crate_put_files(&m->j, m->r, m->dir, err);
}

static ggdm_status note_session(void *context, const ggdm_session_audit *s, ggdm_error *err)
{
    (void)err;
    metadata *m = context;
    m->first = m->sessions == 0 || s->first < m->first ? s->first : m->first;
    m->last = m->sessions == 0 || s->last > m->last ? s->last : m->last;
    m->sessions++;
    return GGDM_OK;
}

ggdm_status ggdm_crate_describe(const ggdm_results *r, const char *dir, ggdm_error *err)
{
    metadata m = {.r = r, .counts = ggdm_store_counts_get(r->store), .dir = dir};
    GGDM_TRY(ggdm_store_audit_sessions(r->store, note_session, &m, err));
    ggdm_json_init(&m.j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&m.j, NULL);
    ggdm_json_begin_array(&m.j, "@context");
    ggdm_json_put_string(&m.j, NULL, CONTEXT);
    ggdm_json_begin_object(&m.j, NULL);
    ggdm_json_put_string(&m.j, "sha256", SHA256_TERM);
    ggdm_json_end(&m.j);
    ggdm_json_end(&m.j);
    ggdm_json_begin_array(&m.j, "@graph");
    const ggdm_status st = put_all(&m, err);
    if (st != GGDM_OK) {
        ggdm_json_deinit(&m.j);
        return st;
    }
    ggdm_json_end(&m.j);
    ggdm_json_end(&m.j);
    return ggdm_json_finish_in(&m.j, dir, GGDM_CRATE_METADATA_FILE, err);
}
