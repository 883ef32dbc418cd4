/* Texts that people and other programs write: site files, expressions, numbers (sweeps and recipes:
 * target_methods.c). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "coordinator/world/hosts.h"
#include "coordinator/world/obituary.h"
#include "jobs/cell_select.h"
#include "models/preprocessor_config.h"
#include "models/schedule_config.h"
#include "slurm/queue_text.h"
#include "slurm/settings.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/tiny_methods.h"
#include "worker/noise_levels.h"
#include "worker/said.h"

/* ---- YAML ---- */

bool ggdm_fuzz_site(const uint8_t *data, size_t size)
{
    ggdm_slurm_job job = {{0}};
    ggdm_error err = {0};
    char *path = ggdm_fuzz_file("site.yaml", data, size);
    ggdm_status st = ggdm_slurm_job_read(&job, path, &err);
    ggdm_fuzz_clean(st, &err);
    ggdm_slurm_job_deinit(&job);
    free(path);
    return st == GGDM_OK;
}

/* ---- JSON ---- */

bool ggdm_fuzz_json(const uint8_t *data, size_t size)
{
    ggdm_doc *doc;
    ggdm_error err = {0};
    ggdm_status st = ggdm_json_parse((const char *)data, size, size, "c.json", &doc, &err);
    ggdm_fuzz_clean(st, &err);
    ggdm_doc_destroy(&doc);
    return st == GGDM_OK;
}

bool ggdm_fuzz_scheduler(const uint8_t *data, size_t size)
{
    static const char *const samplers[] = {
        "{kind: ddpm, steps: 7}",
        "{kind: ddpm, steps: 7, variance: fixed_small}",
        "{kind: ddpm, clip_x0: true}",
        "{kind: ddpm}",
        "{kind: ddim, steps: 7, respacing: '3,4'}",
        "{kind: heun, steps: 7, spacing: leading, steps_offset: 3}"};
    ggdm_arena arena = {0};
    ggdm_noise_levels levels;
    ggdm_chain chain = {0};
    ggdm_error err = {0};
    char *text = ggdm_fuzz_text(data, size), *notes = NULL;
    ggdm_item *sampler = ggdm_tiny_item(&arena, GGDM_FAMILY_SAMPLER, samplers[size % 6]);
    ggdm_status st = ggdm_noise_levels_read(text, "scheduler_config.json", &levels, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK) {
        st = ggdm_chain_create(sampler, &levels, &chain, &err);
        ggdm_fuzz_clean(st, &err);
    }
    for (int32_t i = 0; st == GGDM_OK && i < chain.steps; i++)
        assert_in_range(chain.step[i].t, 0, levels.train_steps - 1);
    ggdm_chain_deinit(&chain);
    ggdm_noise_levels_deinit(&levels);
    ggdm_fuzz_clean(ggdm_said_follow(text, "scheduler_config.json", sampler, &notes, &err), &err);
    free(notes);
    ggdm_arena_deinit(&arena);
    char *meaning = NULL, *again = NULL;
    ggdm_status read = ggdm_schedule_config_text(text, "scheduler_config.json", &meaning, &err);
    ggdm_fuzz_clean(read, &err);
    if (read == GGDM_OK) {
        ggdm_test_ok(ggdm_schedule_config_text(meaning, "text", &again, &err), &err);
        assert_string_equal(again, meaning);
    }
    free(meaning);
    free(again);
    free(text);
    return st == GGDM_OK;
}

/* What is accepted are finite numbers that pixels may be divided by, and means the same again. */
bool ggdm_fuzz_preprocessor(const uint8_t *data, size_t size)
{
    const ggdm_normal unset = {3, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}};
    ggdm_normal normal = unset, again = unset;
    ggdm_error err = {0};
    char *text = ggdm_fuzz_text(data, size), *meaning = NULL;
    ggdm_status st = ggdm_preprocessor_config_read(text, GGDM_PREPROCESSOR_FILE, &normal, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK) {
        for (int c = 0; c < normal.n; c++)
            assert_true(isfinite(normal.mean[c]) && normal.std[c] > 0);
        ggdm_test_ok(ggdm_preprocessor_config_text(&normal, &meaning, &err), &err);
        ggdm_test_ok(ggdm_preprocessor_config_read(meaning, "text", &again, &err), &err);
        for (int c = 0; c < normal.n; c++)
            assert_true(again.mean[c] == normal.mean[c] && again.std[c] == normal.std[c]);
    }
    free(meaning);
    free(text);
    return st == GGDM_OK;
}

/* ---- the command line ---- */

bool ggdm_fuzz_cells(const uint8_t *data, size_t size)
{
    static const ggdm_store_column columns[] = {
        {.name = "kappa", .path = "guidance.kappa", .type = GGDM_PARAM_REAL},
        {.name = "duration", .path = "guidance.duration", .type = GGDM_PARAM_WINDOW},
        {.name = "target", .path = "guidance.loss.target", .type = GGDM_PARAM_CLASS},
        {.name = "model", .path = "model", .type = GGDM_PARAM_MODEL}};
    static const ggdm_store_value values[] = {
        {0.5, "0.5"}, {(double)NAN, "250+100"}, {3, "3"}, {(double)NAN, "it's"}};
    ggdm_store_value of_cell[GGDM_CELL_SELECT_TERMS];
    ggdm_cell_select select;
    ggdm_error err = {0};
    char *text = ggdm_fuzz_text(data, size);
    ggdm_status st = ggdm_cell_select_parse(text, columns, 4, 100, &select, &err);
    ggdm_fuzz_clean(st, &err);
    for (int i = 0; i < select.n_conditions; i++)
        of_cell[i] = values[select.conditions[i].column];
    for (int32_t i = 0; st == GGDM_OK && i < 100; i += 33)
        ggdm_cell_select_has(&select, i, of_cell);
    ggdm_cell_select_deinit(&select);
    free(text);
    return st == GGDM_OK;
}

/* Numbers, durations, sizes and hosts: the first byte says what. */
bool ggdm_fuzz_values(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    if (size == 0)
        return false;
    char *text = ggdm_fuzz_text(data + 1, size - 1);
    int what = data[0] % (GGDM_SLURM_N_KEYS + 2);
    ggdm_status st;
    if (what < GGDM_SLURM_N_KEYS) {
        ggdm_slurm_job job = {{0}};
        st = ggdm_slurm_job_set(&job, (ggdm_slurm_key)what, text, &err);
        if (st == GGDM_OK && what == GGDM_SLURM_TIME)
            assert_true(ggdm_slurm_seconds(text) > 0);
        if (st == GGDM_OK && what == GGDM_SLURM_NODES)
            assert_true(ggdm_slurm_job_number(&job, GGDM_SLURM_NODES) > 0);
        ggdm_slurm_job_deinit(&job);
    } else {
        ggdm_hosts hosts;
        char *argument = NULL, *path = ggdm_fuzz_file("hostfile", data + 1, size - 1);
        st = what == GGDM_SLURM_N_KEYS ? ggdm_hosts_parse(text, &hosts, &err)
                                       : ggdm_hosts_read(path, &hosts, &err);
        if (st == GGDM_OK) {
            ggdm_hosts_default_slots(&hosts, 2);
            assert_true(ggdm_hosts_slots(&hosts) > 0);
            ggdm_test_ok(ggdm_hosts_argument(&hosts, &argument, &err), &err);
        }
        free(argument);
        free(path);
        ggdm_hosts_deinit(&hosts);
    }
    ggdm_fuzz_clean(st, &err);
    free(text);
    return st == GGDM_OK;
}

/* ---- what other programs print ---- */

/* The jobs file, then what squeue prints, or sinfo, apart by a NUL. */
bool ggdm_fuzz_queue(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    char *text = ggdm_fuzz_text(data, size), *jobs = NULL;
    size_t first = strlen(text);
    char *lines = first < size ? text + first + 1 : text + first;
    char *copy = ggdm_fuzz_text((const uint8_t *)lines, strlen(lines));
    ggdm_test_ok(ggdm_slurm_list_jobs(text, &jobs, &err), &err);
    ggdm_slurm_keep_lines(copy, jobs);
    bool ours = *copy != '\0';
    ggdm_slurm_drop_queued(jobs, lines);
    ours |= ggdm_slurm_fewest_cores(lines, false) > 0;
    free(copy);
    free(jobs);
    free(text);
    return ours;
}

bool ggdm_fuzz_obituary(const uint8_t *data, size_t size)
{
    ggdm_obituary o;
    ggdm_obituary_init(&o);
    for (size_t at = 0; at < size; at += 100) /* as a pipe gives it */
        ggdm_obituary_feed(&o, (const char *)data + at, size - at < 100 ? size - at : 100);
    return o.rank >= 0 || o.host_lost;
}
